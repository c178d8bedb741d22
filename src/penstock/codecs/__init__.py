"""Values <-> JSON text: what comes back is what went in, type included, or it is refused with the path to it.

Rules of the text, read forever:

1. None, bool, str, lists, dicts with str keys, finite floats and ints of 64 bits are plain JSON.
2. Anything else is `{"$": tag, "v": data}`, data in the same form. A dict of exactly that shape is written as pairs.
3. A tag without a colon is ours (`tuple`, `datetime`); one of a class is `module:QualName`.
4. Sets are sorted by their items' text: the same value is the same text under any hash seed.
5. Below 64 levels a subtree moves to a table: `{"$": "deep", "v": [root, ...]}`, `{"$": "at", "v": n}` where it was.

A tag comes back as a class only if that class was registered, learned from an annotation or allowed, else as an inert
`Unknown`. Decoding imports no module that a text names, and calls no code of a class outside that list.
docs/decisions/0010-values.md says why.
"""

from penstock.codecs.json_codec import JsonCodec
from penstock.codecs.preview import preview
from penstock.codecs.unknown import Unknown

__all__ = ["JsonCodec", "Unknown", "preview"]
