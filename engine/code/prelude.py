"""The JavaScript side of a JavaScript block: names in scope, `console`, `fetch`, and values made into JSON.

Its functions are called by `javascript.py` and are out of reach of the code, which shares only the global object.
What they need of the language is taken before the code runs, since that may change anything.
"""

PRELUDE = r"""
(() => {
"use strict";
const {
  Array, ArrayBuffer, BigInt, Boolean, DataView, Date, Error, Map, Math, Number, Object, Promise, Reflect, RegExp,
  Set, SharedArrayBuffer, String, Symbol, TypeError, Uint8Array, Uint8ClampedArray, WeakMap, WeakSet,
} = globalThis;
const Global = globalThis;
const { parse, stringify } = JSON;
const { isArray } = Array;
const { defineProperty } = Reflect;
const { entries, getPrototypeOf, keys, values } = Object;
const { isFinite, isSafeInteger, MAX_SAFE_INTEGER } = Number;
const { isView } = ArrayBuffer;
const Bytes = [ArrayBuffer, SharedArrayBuffer, DataView, Uint8Array, Uint8ClampedArray];
const Plain = Object.prototype;
const MAX_DEPTH = 200, MAX_SHOWN_DEPTH = 6;
const WORD = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/* What Python calls, in this order. Texts come and go, since everything else takes many calls. */

const host = { print: globalThis.$print, fetch: globalThis.$fetch };
delete globalThis.$print;
delete globalThis.$fetch;
const given = new Map();
let state = "waiting", thrown, mostPrinted;

// The header in one line, then the earlier results in another.
function begin(job) {
  const end = job.indexOf("\n"), payload = job.slice(end + 1);
  const { scope, input_data, seed, has_long_numbers, may_call, print_bytes } = parse(job.slice(0, end));
  mostPrinted = print_bytes + 1;
  // Read twice: a change through a name in scope does not show in input_data.
  const read = () => parse(payload, has_long_numbers ? keepDigits : undefined);
  const results = keys(scope).length ? read() : [], copies = keys(input_data).length ? read() : [];
  // So that code may assign to them without declaring them.
  define(Global, "output", undefined);
  define(Global, "result", undefined);
  define(Global, "console", console());
  if (may_call) define(Global, "fetch", fetch);
  Math.random = randomFrom(seed);
  for (const [name, place] of entries(scope)) {
    given.set(name, results[place]);
    define(Global, name, results[place]);
  }
  const data = {};
  for (const [name, place] of entries(input_data)) define(data, name, copies[place], true);
  define(Global, "input_data", data);
}

async function follow(script) {
  try {
    // The last line of a script may be a call such as `main()`: what happens in there is its result as well.
    await (await script).value;
    state = "done";
  } catch (error) {
    thrown = error;
    state = "failed";
  }
}

// JSON behind one letter: ["=", a value], or ["!", [the text of an error, its stack]].
function outcome() {
  try {
    if (state === "done") return `=${jsonOf(result_of())}`;
    if (state === "failed") return `!${stringify(explained(thrown))}`;
    return `!${stringify(["Error: the code waits for a promise that nothing will settle", ""])}`;
  } catch (error) {
    return `!${stringify(explained(error))}`;
  }
}

function result_of() {
  const found = [["output", typeof output === "undefined" ? undefined : output],
                 ["result", typeof result === "undefined" ? undefined : result]];
  for (const [name, value] of found)
    if (value !== undefined && !(given.has(name) && given.get(name) === value)) return value;
  return null;
}

/* Names and numbers. */

function define(target, name, value, enumerable = false) {
  defineProperty(target, name, { value, enumerable, writable: true, configurable: true });
}

function keepDigits(key, value, context) {
  const isCut = typeof value === "number" && !isSafeInteger(value) && /^-?\d+$/.test(context.source);
  return isCut ? BigInt(context.source) : value;
}

// Every block is a copy of one engine, so the engine's own numbers would be the same in all of them.
function randomFrom(seed) {
  let [a, b, c, d] = seed;
  const next = () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 12; round++) next();
  return () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
}

/* What went wrong, and what is printed. */

function explained(thrown) {
  try {
    const isError = thrown !== null && typeof thrown === "object" && "message" in thrown;
    if (!isError) return [`Error: ${typeof thrown === "string" ? thrown : shown(thrown)}`.toWellFormed(), ""];
    const name = String(thrown.name ?? "Error"), message = String(thrown.message);
    return [(message ? `${name}: ${message}` : name).toWellFormed(), String(thrown.stack ?? "").toWellFormed()];
  } catch {
    return ["Error: an error whose text cannot be shown", ""];
  }
}

function console() {
  const log = (...parts) => {
    const texts = parts.map((value) => (typeof value === "string" ? value : shown(value)));
    host.print(`${texts.join(" ")}\n`.slice(0, mostPrinted).toWellFormed());
  };
  return { log, info: log, debug: log, warn: log, error: log, trace: log, dir: (value) => log(value) };
}

function shown(value, depth = 0) {
  if (typeof value === "string") return stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name || "without a name"}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (value instanceof Date) return isFinite(value.getTime()) ? value.toISOString() : "Invalid Date";
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return "[promise]";
  if (depth > MAX_SHOWN_DEPTH) return "...";
  const inner = (item) => shown(item, depth + 1);
  if (isArray(value) || isView(value) && !(value instanceof DataView)) return `[${[...value].map(inner).join(", ")}]`;
  if (value instanceof Set) return `Set {${[...value].map(inner).join(", ")}}`;
  if (value instanceof Map)
    return `Map {${[...value].map(([key, item]) => `${inner(key)} => ${inner(item)}`).join(", ")}}`;
  const members = entries(value).map(([key, item]) => `${WORD.test(key) ? key : stringify(key)}: ${inner(item)}`);
  return `{${members.join(", ")}}`;
}

/* fetch */

function fetch(url, options = {}) {
  const { method, params, headers, body, timeout } = options;
  const question = stringify({ url: String(url), method, params, headers, body, timeout }).toWellFormed();
  const reply = parse(host.fetch(question));
  if (reply.error) throw new Error(reply.error);
  const { status, ok, headers: answered, text } = reply;
  const answer = { status, ok, headers: answered };
  define(answered, "get", (name) => answered[String(name).toLowerCase()] ?? null);
  define(answer, "text", () => text);
  define(answer, "json", () => parse(text));
  define(answer, "toJSON", () => ({ status, ok, headers: answered, text }));
  return answer;
}

/* Values made into JSON. */

function jsonOf(value) {
  // One look at everything, then the engine's own writer; what is no plain JSON is written by hand, with its place.
  // The writer shows half characters as \ud800 and the like.
  const text = typeof value === "object" && value !== null && isPlain(value, 0) ? stringify(value) : "\\ud";
  return text.includes("\\ud") ? written(value, "output", 0) : text;
}

function isPlain(container, depth) {
  const isList = isArray(container);
  if (depth >= MAX_DEPTH || container.toJSON !== undefined) return false;
  if (!isList) {
    const kind = getPrototypeOf(container);
    if (kind !== Plain && kind !== null) return false;
  }
  const items = isList ? container : values(container);
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    switch (typeof item) {
      // Beyond whole numbers that are exact, and for NaN and Infinity.
      case "number": if (!(item <= MAX_SAFE_INTEGER && item >= -MAX_SAFE_INTEGER)) return false; break;
      case "object": if (item !== null && !isPlain(item, depth + 1)) return false; break;
      case "string": case "boolean": case "undefined": break;
      default: return false;
    }
  }
  return true;
}

function written(value, path, depth) {
  switch (typeof value) {
    case "string": return text(value, path);
    case "number": return number(value, path);
    case "boolean": return String(value);
    case "bigint": return integer(value, path);
    case "undefined": return "null";
    case "function":
    case "symbol": throw problem(`${path} is a ${typeof value}, which is no JSON value; ${CURE}`);
  }
  if (value === null) return "null";
  if (depth >= MAX_DEPTH)
    throw problem(`${short(path)} is nested deeper than ${MAX_DEPTH} levels (or contains itself); return less of it`);
  if (Bytes.some((kind) => value instanceof kind))
    throw problem(`${path} is bytes, which JSON does not have; make numbers of it: Array.from(value)`);
  if (value instanceof Promise) throw problem(`${path} is a promise; write await before what makes it`);
  if (value instanceof Date && !isFinite(value.getTime())) throw problem(`${path} is a date that does not exist`);
  if (typeof value.toJSON === "function") return written(value.toJSON(), path, depth + 1);
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return written(value.valueOf(), path, depth);
  if (value instanceof Error) return written({ name: value.name, message: value.message }, path, depth);
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof RegExp)
    throw problem(`${path} is a ${value.constructor.name}, which is no JSON value; ${CURE}`);
  if (typeof value[Symbol.iterator] === "function" && !(value instanceof Map))
    return `[${items(value, path, depth).join(",")}]`;
  return `{${members(value, path, depth).join(",")}}`;
}

const CURE = "return text, a number, a list or an object";

function items(value, path, depth) {
  if (!isArray(value) && !isView(value) && !(value instanceof Set))
    throw problem(`${path} is an iterator, which is used up by reading; make a list of it: [...value]`);
  return [...value].map((item, index) => written(item, `${path}[${index}]`, depth + 1));
}

function members(value, path, depth) {
  const pairs = value instanceof Map ? [...value].map(([key, item]) => [keyOf(key), item]) : entries(value);
  return pairs
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${text(key, `a key of ${path}`)}:${written(item, below(path, key), depth + 1)}`);
}

function keyOf(key) {
  return key instanceof Date ? key.toISOString() : typeof key === "object" && key !== null ? shown(key) : String(key);
}

function text(value, path) {
  if (value.isWellFormed()) return stringify(value);
  let index = 0;
  // A pair is one step of an iterator, half of one is a step of its own.
  for (const character of value) {
    if (!character.isWellFormed()) break;
    index += character.length;
  }
  const code = value.charCodeAt(index).toString(16).toUpperCase();
  const cure = "a half character from cut text; replace it: value.toWellFormed()";
  throw problem(`${path} has U+${code} at position ${index}, ${cure}`);
}

function number(value, path) {
  // With an exponent, a reader takes it for the inexact number that it is.
  const isExact = -MAX_SAFE_INTEGER <= value && value <= MAX_SAFE_INTEGER;
  if (isFinite(value)) return isExact ? stringify(value) : value.toExponential();
  const name = value !== value ? "NaN" : "infinite";
  throw problem(`${path} is ${name}, which JSON does not have; replace it by null or a number`);
}

function integer(value, path) {
  const digits = value.toString();
  if (digits.length <= 4200) return digits;
  throw problem(`${path} is a whole number of more than 4200 digits; return it as text or round it`);
}

function below(path, key) {
  return WORD.test(key) ? `${path}.${key}` : `${path}[${short(stringify(key))}]`;
}

function short(text) {
  return text.length <= 60 ? text : `${text.slice(0, 45)} ... ${text.slice(-10)}`;
}

function problem(message) {
  const error = new TypeError(message);
  error.name = "ValueError";
  return error;
}
return { begin, follow, outcome };
})()
"""
