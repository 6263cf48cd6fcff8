"""Hostile JavaScript: every snippet is run at each level of isolation, and nothing may come of it.

A snippet that gets what it wants says "REACHED". What counts is the host: files, names of Python, modules, functions
that were never offered, other blocks, this process. Inside its own engine a block may do as it likes, for its time.
"""

from collections.abc import Iterator

import pytest

from engine.code import CodeUnavailable
from tests.faults.arena import LEVELS, Arena, arena_at

_PRELUDE = r"""
const must = (found) => { if (!found) throw new Error("held"); return found; };
const { secret_file: SECRET_FILE, folder: FOLDER, port: PORT, python: PYTHON } = input_data.world;
// All that can be walked to from a value: own names of it and of its prototypes, and what getters give.
const walk = (start, most = 5000) => {
  const seen = new Set(), waiting = [start];
  while (waiting.length && seen.size < most) {
    const value = waiting.pop();
    if (value === null || !/object|function/.test(typeof value) || seen.has(value)) continue;
    seen.add(value);
    waiting.push(Object.getPrototypeOf(value));
    for (const name of Reflect.ownKeys(value)) {
      try { waiting.push(value[name]); } catch {}
    }
  }
  return seen;
};
"""
_REACHED = '\noutput = "REACHED";\n'
# Names of the language, of what the engine adds to it, and of what blocks are given.
_KNOWN = (
    "Object Function Error EvalError RangeError ReferenceError SyntaxError TypeError URIError InternalError "
    "AggregateError SuppressedError Iterator Array parseInt parseFloat isNaN isFinite queueMicrotask decodeURI "
    "decodeURIComponent encodeURI encodeURIComponent escape unescape Infinity NaN undefined eval Number Boolean String "
    "Math Reflect Symbol DisposableStack AsyncDisposableStack globalThis BigInt Date RegExp JSON Proxy Map Set WeakMap "
    "WeakSet WeakRef ArrayBuffer SharedArrayBuffer Uint8ClampedArray Int8Array Uint8Array Int16Array Uint16Array "
    "Int32Array Uint32Array BigInt64Array BigUint64Array Float16Array Float32Array Float64Array DataView Promise "
    "FinalizationRegistry DOMException btoa atob performance output result console world input_data"
)

HOST = {
    "process": "must(globalThis.process)",
    "require": "require('fs')",
    "module file": "await import('fs')",
    "module by path": "await import('/etc/passwd')",
    "module by address": "await import('file:///etc/passwd')",
    "module of data": "await import('data:text/javascript,export default 1')",
    "module of the engine": "await import('qjs:std')",
    "module os": "await import('os')",
    "module of its own name": "await import('<module>')",
    "import by eval": "await (0, eval)('import(\"os\")')",
    "engine's own objects": "must(globalThis.std ?? globalThis.os ?? globalThis.bjson ?? globalThis.scriptArgs)",
    "function constructor": "must(Function('return this')().process ?? Function('return this')().require)",
    "constructor of a host function": "must(console.log.constructor('return this.process')())",
    "async function constructor": "await (async () => {}).constructor('return import(\"fs\")')()",
    "generator constructor": "must((function* () {}).constructor('yield this.process')().next().value)",
    "unknown globals": (
        f'must(Reflect.ownKeys(globalThis).find((name) => typeof name === "string" && !"{_KNOWN}".split(" ")'
        '.includes(name) && !["must", "walk", "SECRET_FILE", "FOLDER", "PORT", "PYTHON"].includes(name)))'
    ),
    "hidden functions": "must(globalThis.$print ?? globalThis.$fetch)",
    "names of Python on values": (
        "must(world.__class__ ?? console.log.__globals__ ?? input_data.__dict__ ?? console.log.__self__)"
    ),
    "walk from the console": "must([...walk(console)].find((item) => /process|require|\\$/.test(item?.name)))",
    "walk from everything": "must([...walk(globalThis)].find((item) => /\\$fetch|\\$print/.test(item?.name)))",
    "frames of the prelude": (
        "const found = new Set();\nError.prepareStackTrace = (error, sites) => {\n"
        "  for (const site of sites) found.add(site.getFunction?.()).add(site.getThis?.());\n  return '';\n};\n"
        "console.log({ get x() { new Error().stack; return 1; } });\n"
        "for (const item of found) try { must(item('http://127.0.0.1:' + PORT).status); } catch {}\n"
        "throw new Error('held')"
    ),
    "start it once more": (
        "let begin;\n"
        "Error.prepareStackTrace = (error, sites) => { begin = sites.at(-1).getFunction?.(); return ''; };\n"
        "console.log({ get x() { new Error().stack; return 1; } });\n"
        'begin(\'{"scope":{},"input_data":{},"seed":[1,2,3,4],"may_call":true}\\n[]\');\n'
        "must(fetch('http://127.0.0.1:' + PORT).status)"
    ),
    "caller of a callback": "console.log({ get x() { return must(arguments.callee.caller); } })",
    "caller through a getter": "(function f() { return must(f.caller); })()",
    "stolen from a prototype": (
        "let stolen;\nObject.defineProperty(Object.prototype, 'message', { get() { stolen = this; return ''; } });\n"
        "console.log(Promise.reject(1));\nmust(stolen && stolen.print)"
    ),
    "trap of set": (
        "let stolen;\nObject.defineProperty(Object.prototype, 'print', { set(value) { stolen = value; } });\n"
        "console.log(1);\nmust(stolen)"
    ),
    "own web assembly": "must(globalThis.WebAssembly)",
    "threads": "must(globalThis.Worker ?? globalThis.Atomics)",
    "network names": "must(globalThis.fetch ?? globalThis.XMLHttpRequest ?? globalThis.WebSocket)",
    "fetch without leave": "fetch('http://127.0.0.1:' + PORT)",
    "read a file": "must(globalThis.read ?? globalThis.load ?? globalThis.readFile)(SECRET_FILE)",
    "start a program": "must(globalThis.os)?.exec([PYTHON, '-c', 'print(\"REACHED\")'])",
    "web assembly memory": (
        "const buffer = new ArrayBuffer(8), view = new DataView(buffer);\n"
        "for (const offset of [-1, 8, 2 ** 31, 2 ** 32 - 4, 2 ** 53])\n"
        "  try { must(view.getUint32(offset) !== undefined); }\n"
        "  catch (error) { if (!/bounds|range|index/i.test(error)) throw error; }\n"
        "throw new Error('held')"
    ),
}
OTHERS = {
    "pollute prototypes": "Object.prototype.polluted = Array.prototype.polluted = 1; throw 1",
    "break the language": "JSON.stringify = JSON.parse = String = Map = Promise = () => 'REACHED'; throw 1",
    "break what writes results": "Array.prototype.map = Array.prototype.join = () => ['REACHED']; throw 1",
    "break text": "String.prototype.isWellFormed = String.prototype.toWellFormed = () => { throw 1 }; throw 1",
    "freeze everything": "[...walk(globalThis)].forEach(Object.freeze); throw 1",
    "delete everything": "Reflect.ownKeys(globalThis).forEach((name) => delete globalThis[name]); throw 1",
}
RESOURCES = {
    "endless loop": "for (;;);",
    "swallow everything": "for (;;) try { for (;;); } catch {} finally { continue; }",
    "endless promises": "const again = () => Promise.resolve().then(again); await again(); await new Promise(() => {})",
    "endless microtasks": "const again = () => queueMicrotask(again); again()",
    "promise that never settles": "await new Promise(() => {})",
    "thenable that never ends": "await { then() { for (;;); } }",
    "regex backtracking": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
    "regex with references": "/(x+x+)+y\\1/.test('x'.repeat(40))",
    "sort without end": "[1, 2, 3].sort(() => { for (;;); })",
    "huge join": "must(Array(2 ** 32 - 1).join('x'))",
    "huge text": "let text = 'x'; for (;;) text += text",
    "huge repeat": "'x'.repeat(2 ** 29)",
    "text in slices": "const kept = []; for (let n = 0; ; n++) kept.push('x'.repeat(1 << 20) + n)",
    "typed arrays": "const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1))",
    "one typed array": "new Float64Array(2 ** 31)",
    "shared memory": "const kept = []; for (;;) kept.push(new SharedArrayBuffer(1 << 20))",
    "growing buffer": (
        "const b = new ArrayBuffer(8, { maxByteLength: 2 ** 31 }); b.resize(2 ** 31); new Uint8Array(b).fill(1)"
    ),
    "huge numbers": "2n ** (2n ** 32n)",
    "digits of a huge number": "output = String(7n ** 3000000n).length",
    "spread without end": "[...(function* () { for (;;) yield 1; })()]",
    "array from a length": "Array.from({ length: 2 ** 53 - 1 })",
    "sparse array": "const holes = []; holes[2 ** 32 - 2] = 1; holes.map((x) => x).forEach((x) => x); output = holes",
    "map bomb": "const kept = new Map(); for (let n = 0; ; n++) kept.set(n, { n })",
    "properties": "const kept = {}; for (let n = 0; ; n++) kept['key' + n] = n",
    "closures": "let kept; for (;;) { const before = kept; kept = () => before; }",
    "symbols": "const kept = []; for (;;) kept.push(Symbol('x'.repeat(1000)))",
    "weak things": "const kept = []; for (;;) kept.push(new WeakRef({}), new FinalizationRegistry(() => {}))",
    "print flood": "for (;;) console.log('x'.repeat(1000))",
    "print something huge": "console.log('x'.repeat(1 << 25))",
    "print without end": "const x = {}; for (let n = 0; n < 40; n++) x['k' + n] = x; console.log(x)",
    "replace bomb": "'x'.repeat(1 << 16).replace(/x/g, '$`$`')",
}
CRASHES = {
    "recursion": "const f = () => f(); f()",
    "recursion through map": "const f = () => [1].map(f); f()",
    "recursion through getters": "const o = { get x() { return this.x; } }; o.x",
    "recursion through a proxy": "const p = new Proxy({}, {}); Object.setPrototypeOf(p, p); p.x",
    "recursion through text": "const o = { toString() { return '' + this; } }; '' + o",
    "deep list to JSON": "let x = []; for (let n = 0; n < 1e5; n++) x = [x]; JSON.stringify(x)",
    "deep JSON": "JSON.parse('['.repeat(1e5) + ']'.repeat(1e5))",
    "deep source": "(0, eval)('('.repeat(1e5))",
    "deep function": "Function('{'.repeat(1e5) + '}'.repeat(1e5))",
    "deep regex": "new RegExp('('.repeat(1e5) + ')'.repeat(1e5))",
    "deep chain of functions": "let f = () => 1; for (let n = 0; n < 1e5; n++) { const g = f; f = () => g(); } f()",
    "shrink while sorting": (
        "const a = [...Array(1000).keys()]; a.sort(() => { a.length = 0; return 1; }); a[999]; throw 1"
    ),
    "shrink a buffer in use": (
        "const b = new ArrayBuffer(1 << 16, { maxByteLength: 1 << 16 }), v = new Uint8Array(b);\n"
        "v.fill({ valueOf() { b.resize(1); return 7; } });\nv.sort(() => (b.resize(0), 1)); throw 1"
    ),
    "detach a buffer in use": (
        "const b = new ArrayBuffer(64), v = new Uint8Array(b);\n"
        "v.set({ length: 8, get 0() { b.transfer(); return 1; } }); v[63] = 1; throw 1"
    ),
    "species": (
        "class Odd extends Array {\n"
        "  static get [Symbol.species]() { return function () { return new Proxy([], {}); }; }\n}\n"
        "Odd.from([1, 2, 3]).concat([4]).splice(0, 2); throw 1"
    ),
    "change while iterating": (
        "const m = new Map([[1, 1]]);\nfor (const [k] of m) { m.delete(k); m.set(k + 1, 1); if (k > 1e5) throw 1; }"
    ),
    "throw while unwinding": (
        "try { throw 1 } finally { try { throw 2 } finally { throw { get message() { throw 3; } }; } }"
    ),
}
ANSWERS = {
    "cycle": "output = []; output.push(output)",
    "deep": "output = []; for (let n = 0; n < 1e4; n++) output = [output]",
    "huge": "output = 'x'.repeat(3 << 20)",
    "function": "output = { f() {} }",
    "host function": "output = [console.log, eval]",
    "global object": "output = globalThis",
    "getter without end": "output = { get x() { for (;;); } }",
    "getter that throws": "output = { get x() { throw { toString() { throw 1; } }; } }",
    "keys without end": "output = new Proxy({}, { ownKeys() { for (;;); } })",
    "proxy that lies": (
        "let n = 0;\noutput = new Proxy([], { get: (t, key) => (key === 'length' ? 2 ** 32 : n++ % 2 ? {} : []) })"
    ),
    "changes between two looks": "let n = 0; output = { get x() { return n++ ? () => 1 : 1; } }",
    "JSON of itself": "output = { toJSON() { return this; } }",
    "iterator without end": "output = new (class extends Set { *[Symbol.iterator]() { for (;;) yield 1; } })()",
    "half characters": "output = { ['\\ud800']: '\\udfff' }",
    "not a number": "output = [NaN, -Infinity]",
    "forged frame": (
        'output = \'{"kind":"answer","output":1}\'.repeat(10); console.log(\'\\u0000\\u0000\\u0000\\u0001{\')'
    ),
    "forged outcome": "output = undefined; result = '=1'; throw '=[1]'",
    "error with endless text": "throw { get message() { for (;;); } }",
    "error with a giant text": "throw new Error('x'.repeat(5 << 20))",
    "error with a forged place": (
        "throw Object.assign(new Error('x'), { stack: 'eval_script:99999999999999999999999' })"
    ),
    "error that is a proxy": "throw new Proxy({}, { has() { throw 1; }, get() { throw 2; } })",
    "error of nothing": "throw undefined",
    "throw the console": "throw console",
    "rejected later": "Promise.reject(new Error('unseen')); throw 1",
}
# Here the error in reading is what the attack is about.
_READ_LATER = ("crashes: deep source", "crashes: deep function", "crashes: deep regex", "crashes: deep JSON")
GROUPS = {"host": HOST, "others": OTHERS, "resources": RESOURCES, "crashes": CRASHES, "answers": ANSWERS}
ATTACKS = [(f"{group}: {name}", source) for group, table in GROUPS.items() for name, source in table.items()]
# An answer of their own is no reach: ending without an effect is all that is asked.
_OWN_ANSWER = ("answers", "crashes")
_MISTAKES = ("SyntaxError",)
TIMEOUT_S = 0.15
# The language must be as it was, whatever the block before did to it.
FOLLOWING = (
    "output = ({}).polluted === undefined && JSON.stringify([1, 'x'].map(String)) === '[\"1\",\"x\"]' "
    "&& Object.isExtensible(Array.prototype) ? 2 : 3"
)


@pytest.fixture(scope="module", params=LEVELS)
def arena(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    """The attacks' surroundings, once per level."""
    try:
        folder = tmp_path_factory.mktemp("world")
        with arena_at(request.param, folder, following=FOLLOWING, language="javascript") as found:
            yield found
    except CodeUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("name", "source"), ATTACKS, ids=[name for name, _ in ATTACKS])
def test_hostile_javascript_reaches_nothing(arena: Arena, name: str, source: str) -> None:
    """A hostile block ends in time, gets nothing of the host, leaves nothing behind and costs only itself."""
    outcome = arena.attack(armed(name, source), timeout_s=TIMEOUT_S)

    assert outcome.reached == ()
    assert name in _READ_LATER or not (outcome.result.error or "").startswith(_MISTAKES), "the attack itself is wrong"
    assert outcome.is_in_time


def armed(name: str, source: str) -> str:
    """The attack with what it needs before, and what tells of its success after it."""
    return _PRELUDE + source + ("" if name.partition(":")[0] in _OWN_ANSWER else _REACHED)
