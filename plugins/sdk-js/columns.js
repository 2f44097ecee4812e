// Bytes to text and back, and columns out of items, with what QuickJS does fast: it has no TextDecoder, a step of the interpreter costs
// about 10 ns, and base64 in either direction is one call.

/** A column without items. */
export const NOTHING = { data: new Uint8Array(0), ends: [], nulls: new Uint8Array(0) };

/** UTF-8 to text. Throws a `URIError` where it is none. */
export function decode(bytes) {
  const latin1 = atob(bytes.toBase64());
  return isAscii(bytes) ? latin1 : decodeURIComponent(escape(latin1));
}

/** Text to UTF-8. Half a surrogate pair becomes U+FFFD, as everywhere else. */
function utf8(text) {
  return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(text.toWellFormed()))));
}

/** The high bits of four bytes. */
const HIGH = 0x80808080 | 0;

/** Whether all bytes are below 128. Eight words a step of the loop: what is spent is steps. */
export function isAscii(bytes) {
  const { buffer, byteOffset, length } = bytes;
  const head = Math.min(length, -byteOffset & 3);
  const count = (length - head) >> 2;
  let seen = 0;
  for (let i = 0; i < head; i++) seen |= bytes[i];
  for (let i = head + 4 * count; i < length; i++) seen |= bytes[i];
  const words = new Int32Array(buffer, byteOffset + head, count);
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    seen |= words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7];
  }
  for (; i < count; i++) seen |= words[i];
  return (seen & HIGH) === 0;
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
  if (!isAscii(data)) return null;
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
