// The output of `cairn demo`: the path of a request with this run's addresses, commands to paste,
// and where to look.

import { hbonePort } from '../../mesh/index.ts';
import { bookstorePort } from './bookstore.ts';
import type { DemoMesh } from './demo-mesh.ts';

/** The text, with commands that work as they are. */
export function formatGuide(mesh: DemoMesh): string {
  const { endpoints, waypoint } = mesh;
  const manifests = quote(mesh.places.manifests);
  const edits = quote(mesh.examples.edits);
  const asSleep = curl(mesh, 'sleep', 'productpage', '/productpage');
  return `${formatPath(mesh)}

Ask as sleep, and as notsleep:
  ${asSleep}
  ${curl(mesh, 'notsleep', 'productpage', '/productpage')}

Edit the manifests in ${manifests}
What is saved there is in force at once. Send a tenth of the requests to reviews v2:
  cp ${edits}/reviews-90-10.yaml ${manifests}/reviews-route.yaml
  for i in $(seq 30); do ${curl(mesh, 'sleep', 'reviews', '/reviews/0')} | grep -o 'reviews-v[123]'; done | sort | uniq -c

Hold productpage back for five seconds, and let it go again:
  cp ${edits}/productpage-delay.yaml ${manifests}/
  time ${asSleep} -o /dev/null
  rm ${manifests}/productpage-delay.yaml

Let only sleep read productpage, and open it again:
  cp ${edits}/productpage-viewer.yaml ${manifests}/
  ${asSleep} -X DELETE
  rm ${manifests}/productpage-viewer.yaml

Look:
  access log        tail -f ${quote(waypoint.logFile)}
  proxies           ${endpoints.admin}/api/waypoints
  findings          ${endpoints.admin}/api/findings
  waypoint's Envoy  cairn proxy-config all --admin-address ${waypoint.admin}

Ctrl-C ends it and removes ${quote(mesh.places.root)}.
`;
}

/** One request from its client down to the app, with the protocol and the address of each hop. */
function formatPath(mesh: DemoMesh): string {
  const server = mesh.workloadAddress('productpage');
  const stops = [
    ['sleep', mesh.workloadAddress('sleep')],
    ['  │ plain HTTP, to the address of the service', ''],
    ['node proxy, L4', `${mesh.serviceAddress('productpage')}:${bookstorePort}`],
    ['  ║ HBONE: mTLS as sleep', ''],
    ['waypoint, L7', mesh.waypoint.hbone],
    ['  ║ HBONE: mTLS as waypoint', ''],
    ['node proxy, L4', `${server}:${hbonePort}`],
    ['  │ plain HTTP, inside the workload', ''],
    ['productpage', `${server}:${bookstorePort}`],
  ] as const;
  return stops.map(([what, address]) => `  ${what.padEnd(20)}${address}`.trimEnd()).join('\n');
}

function curl(mesh: DemoMesh, from: string, service: string, path: string): string {
  const resolve = `${service}:${bookstorePort}:${mesh.serviceAddress(service)}`;
  return `curl -s --interface ${mesh.workloadAddress(from)} --resolve ${resolve} http://${service}:${bookstorePort}${path}`;
}

/** A path that a shell takes as one word. */
function quote(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
