"""What headers of a request may be: the rules that keep one header, or one request, from becoming two.

Source: RFC 9110, section 5, and RFC 9112, section 6.
"""

import re

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters that no value may have."""
FRAMING_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"})
"""Headers that say how a request is delimited, which the client alone decides."""
