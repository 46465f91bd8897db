// Spellings of an address and a port that a client may write on its CONNECT though they are not the
// canonical one.

/** Those of `address`, IPv4 or IPv6 in canonical form, and `port`. */
export function listOtherAuthorities(address: string, port: number): readonly string[] {
  const host = address.includes(':') ? `[${address}]` : address;
  const ports = [`0${port}`, `00000${port}`, `+${port}`, `-${port}`, ` ${port}`, `${port} `, `0x${port.toString(16)}`];
  const others = [
    '',
    '0',
    '65536',
    '99999',
    '99999999',
    String(65_536 + port),
    `${port}:${port}`,
    `${port}.`,
    `${port}a`,
  ];
  return [
    ...[...ports, ...others].map((text) => `${host}:${text}`),
    ...(address.includes(':') ? listIpv6(address) : listIpv4(address)).map((other) => `${other}:${port}`),
    ...[`a@${host}`, ` ${host}`, `${host}.`, `${host} `, `//${host}`].map((other) => `${other}:${port}`),
    host,
    `${host}:${port}/`,
    `${host}:${port}?`,
    `${host}:${port},${host}:${port}`,
    address.includes(':') ? `${address}:${port}` : `[${address}]:${port}`,
  ];
}

function listIpv4(address: string): readonly string[] {
  const octets = address.split('.').map(Number);
  const [first = 0, second = 0, third = 0, fourth = 0] = octets;
  return [
    `0${address}`,
    address.replace(/\d+$/u, '0$&'),
    `+${address}`,
    octets.map((octet) => `0x${octet.toString(16)}`).join('.'),
    octets.map((octet) => `0${octet.toString(8)}`).join('.'),
    `${first}.${second}.${third * 256 + fourth}`,
    String(((first * 256 + second) * 256 + third) * 256 + fourth),
    `[::ffff:${address}]`,
    `::ffff:${address}`,
  ];
}

function listIpv6(address: string): readonly string[] {
  const [before = '', after = ''] = address.split('::');
  const start = before.split(':');
  const end = after.split(':').filter((group) => group !== '');
  const zeros = Array.from({ length: 8 - start.length - end.length }, () => '0');
  const groups = [...start, ...zeros, ...end];
  return [
    address.toUpperCase(),
    groups.join(':'),
    groups.map((group) => group.padStart(4, '0')).join(':'),
    `${before}:0::${after}`,
    `${groups.slice(0, 6).join(':')}:0.0.0.${parseInt(end.at(-1) ?? '0', 16)}`,
    `${address}%1`,
    `${address}%lo`,
    `${address}%25lo`,
    ` ${address}`,
    `v1.${address}`,
  ].map((text) => `[${text}]`);
}
