// Tar archives with the same bytes for the same content: sorted names, no times, no owners but
// root.

const block = 512;

/**
 * Entries are `{ path, mode, data }` for files and `{ path, mode }` for folders; paths are relative
 * and use slashes.
 */
export function writeTar(entries) {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const parts = [];
  for (const { path, mode, data } of sorted) {
    const name = data === undefined ? `${path}/` : path;
    const size = data?.length ?? 0;
    const type = data === undefined ? '5' : '0';
    const [base, prefix] = splitName(name);
    if (base === undefined) {
      // GNU's way: an entry that holds the name of the next one.
      const long = Buffer.from(`${name}\0`);
      parts.push(header('././@LongLink', '', 0o644, long.length, 'L'), padded(long));
      parts.push(header(name.slice(0, 100), '', mode, size, type));
    } else parts.push(header(base, prefix, mode, size, type));
    if (data !== undefined) parts.push(padded(data));
  }
  parts.push(Buffer.alloc(2 * block));
  return Buffer.concat(parts);
}

/**
 * Name and prefix of at most 100 and 155 bytes, or nothing when there is no such place to split.
 */
function splitName(name) {
  if (Buffer.byteLength(name) <= 100) return [name, ''];
  for (let at = name.indexOf('/'); at > 0 && at <= 155; at = name.indexOf('/', at + 1)) {
    const base = name.slice(at + 1);
    if (base !== '' && Buffer.byteLength(base) <= 100) return [base, name.slice(0, at)];
  }
  return [undefined, undefined];
}

function header(name, prefix, mode, size, type) {
  const bytes = Buffer.alloc(block);
  const octal = (value, length) => `${value.toString(8).padStart(length - 1, '0')}\0`;
  bytes.write(name, 0, 100);
  bytes.write(octal(mode, 8), 100);
  bytes.write(octal(0, 8), 108);
  bytes.write(octal(0, 8), 116);
  bytes.write(octal(size, 12), 124);
  bytes.write(octal(0, 12), 136);
  bytes.write('        ', 148);
  bytes.write(type, 156);
  bytes.write('ustar\u000000', 257, 'latin1');
  bytes.write(prefix, 345, 155);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

function padded(data) {
  const rest = data.length % block;
  return rest === 0 ? data : Buffer.concat([data, Buffer.alloc(block - rest)]);
}
