// What `cairn demo` tells its user: the path of a request with this run's addresses, commands to paste, and where to look.

import { basename, relative } from 'node:path';
import { bookstorePort } from './bookstore.ts';
import type { DemoMesh } from './demo-mesh.ts';

/** The text, with commands that work as they are, from the directory `cwd`. */
export function formatGuide(mesh: DemoMesh, cwd: string): string {
  const { endpoints, waypoint } = mesh;
  const manifests = quote(mesh.places.manifests);
  const edits = quote(nearer(mesh.examples.edits, cwd));
  const asSleep = curl(mesh, 'sleep', 'productpage', '/productpage');
  return `${formatPath(mesh)}
Ask as sleep, and as notsleep:
  ${asSleep}
  ${curl(mesh, 'notsleep', 'productpage', '/productpage')}

Edit the files in ${manifests}; what you save is in force at once. Shift a tenth of reviews to v2:
  cp ${edits}/reviews-90-10.yaml ${manifests}/reviews-route.yaml
  for i in $(seq 30); do ${curl(mesh, 'sleep', 'reviews', '/reviews/0')} -s | grep -o 'reviews-v[123]'; done | sort | uniq -c

Hold productpage back for five seconds, and let it go again:
  cp ${edits}/productpage-delay.yaml ${manifests}/
  time ${asSleep} -so /dev/null
  rm ${manifests}/productpage-delay.yaml

Let only sleep read productpage, and open it again:
  cp ${edits}/productpage-viewer.yaml ${manifests}/
  ${asSleep} -X DELETE
  rm ${manifests}/productpage-viewer.yaml

Look:
  requests          tail -f ${quote(waypoint.logFile)}
  waypoints         ${endpoints.admin}/api/waypoints
  findings          ${endpoints.admin}/api/findings
  the waypoint's Envoy  http://${waypoint.admin}

Ctrl-C ends it and removes ${quote(mesh.places.root)}.
`;
}

/** One request from left to right: who speaks what to whom, at which address. */
function formatPath(mesh: DemoMesh): string {
  const client = mesh.workloadAddress('sleep');
  const server = mesh.workloadAddress('productpage');
  const stops = [
    ['sleep', client, ''],
    ['node proxy', `${mesh.serviceAddress('productpage')}:${bookstorePort}`, 'L4'],
    ['waypoint', mesh.waypoint.hbone, 'L7'],
    ['node proxy', `${server}:15008`, 'L4'],
    ['productpage', `${server}:${bookstorePort}`, ''],
  ] as const;
  const hops = [
    ['TCP', '──────▶'],
    ['as sleep', '═ HBONE ═▶'],
    ['as waypoint', '═ HBONE ═▶'],
    ['HTTP', '──────▶'],
  ] as const;
  const rows = [0, 1, 2].map((row) => {
    const cells = stops.flatMap((stop, index) => {
      const width = Math.max(...stop.map((text) => text.length));
      const hop = hops[index];
      const hopWidth = hop === undefined ? 0 : Math.max(...hop.map((text) => text.length));
      const hopText = row === 0 ? hop?.[0] : row === 1 ? hop?.[1] : '';
      return [centre(stop[row] ?? '', width), centre(hopText ?? '', hopWidth)];
    });
    return `  ${cells.join(' ').trimEnd()}\n`;
  });
  return rows.join('');
}

function curl(mesh: DemoMesh, from: string, service: string, path: string): string {
  const resolve = `${service}:${bookstorePort}:${mesh.serviceAddress(service)}`;
  return `curl --interface ${mesh.workloadAddress(from)} --resolve ${resolve} http://${service}:${bookstorePort}${path}`;
}

function centre(text: string, width: number): string {
  const left = Math.floor((width - text.length) / 2);
  return text.padStart(text.length + left).padEnd(width);
}

/** The path from where the user is, unless that is a long way round. */
function nearer(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short.startsWith('..') || basename(short) === short ? path : short;
}

/** A path that a shell takes as one word. */
function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
