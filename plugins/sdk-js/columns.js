// Bytes to text and back, and columns out of items, with what QuickJS does fast: it has no TextDecoder, a step of the interpreter costs
// about 10 ns, and base64 in either direction is one call.

/** A column without items. */
export const NOTHING = { data: new Uint8Array(0), ends: [], nulls: new Uint8Array(0) };

/** UTF-8 to text. Throws a `URIError` where it is none. */
export function decode(bytes) {
  const latin1 = atob(bytes.toBase64());
  return firstNonAscii(bytes) === -1 ? latin1 : decodeURIComponent(escape(latin1));
}

/** Text to UTF-8. Half a surrogate pair becomes U+FFFD, as everywhere else. */
function utf8(text) {
  return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(text.toWellFormed()))));
}

/** Where the first byte above 127 is, four bytes precisely, or -1. */
export function firstNonAscii(bytes) {
  const head = Math.min(bytes.length, (4 - (bytes.byteOffset % 4)) % 4);
  for (let i = 0; i < head; i++) if (bytes[i] > 127) return i;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + head, (bytes.length - head) >> 2);
  for (let i = 0; i < words.length; i++) if ((words[i] & 0x80808080) !== 0) return head + 4 * i;
  for (let i = head + 4 * words.length; i < bytes.length; i++) if (bytes[i] > 127) return i;
  return -1;
}

/** `data` and `ends` of a column with these items: texts, bytes or `null`. */
export function encode(items) {
  return (items.every((item) => typeof item === "string" || item === null) && encodeAscii(items)) || encodeEach(items);
}

/** All in one step, if all is ASCII: then a character is a byte. */
function encodeAscii(items) {
  let data;
  try {
    // A `null` joins as nothing.
    data = Uint8Array.fromBase64(btoa(items.join("")));
  } catch {
    return null;
  }
  if (firstNonAscii(data) !== -1) return null;
  let end = 0;
  return { data, ends: items.map((item) => (end += item === null ? 0 : item.length)) };
}

function encodeEach(items) {
  const parts = items.map((item) => (item === null ? NOTHING.data : typeof item === "string" ? utf8(item) : item));
  let end = 0;
  const ends = parts.map((part) => (end += part.length));
  const data = new Uint8Array(end);
  parts.forEach((part, index) => data.set(part, ends[index] - part.length));
  return { data, ends };
}

/** Whether item `index` is null. */
export function isNull(bits, index) {
  return bits.length !== 0 && (bits[index >> 3] & (1 << (index & 7))) !== 0;
}

/** The bits of the items that are null; none at all when no item is. */
export function nulls(items) {
  if (!items.includes(null)) return NOTHING.data;
  const bits = new Uint8Array(Math.ceil(items.length / 8));
  items.forEach((item, index) => {
    if (item === null) bits[index >> 3] |= 1 << (index & 7);
  });
  return bits;
}
