// Rewrites forms of Gateway that older articles and releases used to the current one. This is for
// text only; a cluster accepts what its own definitions accept.

import {
  gatewayGroup,
  hbonePort,
  hboneProtocol,
  historicalWaypointClass,
  serviceAccountAnnotations,
  waypointClass,
} from '../labels.ts';
import { definitionOf, kindNames } from '../kinds/table.ts';
import type { Problem } from './problem.ts';
import { warningAt } from './problem.ts';
import { isRecord } from '../fields.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Kinds of which manifests still have versions that no cluster serves. */
const historicalKinds: ReadonlySet<unknown> = new Set(
  kindNames.filter((kind) => (definitionOf(kind).historicalVersions ?? []).length > 0),
);

/** The object in its current form, and a warning for every rewritten or meaningless field. */
export function modernize(object: Fields): { readonly object: Fields; readonly problems: readonly Problem[] } {
  if (!historicalKinds.has(object['kind'])) return { object, problems: [] };
  const problems: Problem[] = [];
  let result = object;
  if (object['apiVersion'] === `${gatewayGroup}/v1alpha2`) {
    const message = `\`${gatewayGroup}/v1alpha2\` is no longer served by clusters; it is read as v1.`;
    problems.push(warningAt('HistoricalForm', ['apiVersion'], message, `write \`apiVersion: ${gatewayGroup}/v1\``));
    result = { ...result, apiVersion: `${gatewayGroup}/v1` };
  }
  if (object['kind'] === 'Gateway' && isRecord(object['spec'])) {
    result = { ...result, spec: modernizeListeners(modernizeClass(object['spec'], problems), problems) };
  }
  const annotations = isRecord(object['metadata']) ? object['metadata']['annotations'] : undefined;
  for (const name of serviceAccountAnnotations) {
    if (!isRecord(annotations) || !Object.hasOwn(annotations, name)) continue;
    const message = `\`${name}\` was how a waypoint was bound to one service account; waypoints are bound by label now.`;
    const hint = 'put the label `istio.io/use-waypoint` on the services or on the namespace';
    problems.push(warningAt('HistoricalForm', ['metadata', 'annotations', name], message, hint));
  }
  return { object: result, problems };
}

function modernizeClass(spec: Fields, problems: Problem[]): Fields {
  if (spec['gatewayClassName'] !== historicalWaypointClass) return spec;
  const message = `The class \`${historicalWaypointClass}\` is read as \`${waypointClass}\`.`;
  const hint = `write \`gatewayClassName: ${waypointClass}\` and one listener {name: mesh, port: ${hbonePort}, protocol: ${hboneProtocol}}`;
  problems.push(warningAt('HistoricalForm', ['spec', 'gatewayClassName'], message, hint));
  const listeners = spec['listeners'];
  const isBare = listeners === undefined || listeners === null || (Array.isArray(listeners) && listeners.length === 0);
  return {
    ...spec,
    gatewayClassName: waypointClass,
    ...(isBare ? { listeners: [{ name: 'mesh', port: hbonePort, protocol: hboneProtocol }] } : {}),
  };
}

function modernizeListeners(spec: Fields, problems: Problem[]): Fields {
  const listeners: unknown = spec['listeners'];
  if (!Array.isArray(listeners)) return spec;
  const rewritten = listeners.map((listener: unknown, index) => {
    if (!isRecord(listener) || listener['protocol'] !== 'ALL') return listener;
    // The other classes of waypoints are not known here, but nothing else ever listened for
    // everything on this port.
    if (spec['gatewayClassName'] !== waypointClass && listener['port'] !== hbonePort) return listener;
    const message = `The listener protocol \`ALL\` is read as \`${hboneProtocol}\`.`;
    const path = ['spec', 'listeners', index, 'protocol'];
    problems.push(warningAt('HistoricalForm', path, message, `write \`protocol: ${hboneProtocol}\``));
    return { ...listener, protocol: hboneProtocol };
  });
  return { ...spec, listeners: rewritten };
}
