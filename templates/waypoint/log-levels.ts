// The log levels of a waypoint, from the annotations of its Gateway. A level that means nothing is
// reported, and the setting of the control plane holds: Envoy ends at once when it gets a level
// that it does not know, and a typing error must not take a waypoint down.

import type { Finding } from '../../mesh/index.ts';
import type { WaypointDeployment } from './deployment-input.ts';
import { resolveAnnotations } from './metadata.ts';

/** Levels as flags of the agent. */
export interface WaypointLogLevels {
  readonly proxy: string;
  /** Envoy's `component:level` pairs, separated by commas. */
  readonly proxyComponents: string;
  readonly agent: string;
}

const proxyLevels = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off'];

interface Source {
  readonly annotation: string;
  readonly setting: (deployment: WaypointDeployment) => string;
  /** The level in the text; undefined when it means nothing. */
  readonly read: (text: string) => string | undefined;
  readonly expected: string;
}

const sources: Readonly<Record<keyof WaypointLogLevels, Source>> = {
  proxy: {
    annotation: 'sidecar.istio.io/logLevel',
    setting: ({ settings }) => settings.proxyLogLevel,
    read: (text) => (proxyLevels.includes(text) ? text : undefined),
    expected: `one of ${proxyLevels.join(', ')}`,
  },
  proxyComponents: {
    annotation: 'sidecar.istio.io/componentLogLevel',
    setting: ({ settings }) => settings.proxyComponentLogLevel,
    read: (text) => (text.split(',').every(isComponentLevel) ? text : undefined),
    expected: `component:level[,component:level], levels being ${proxyLevels.join(', ')}`,
  },
  agent: {
    annotation: 'sidecar.istio.io/agentLogLevel',
    setting: ({ settings }) => settings.agentLogLevel,
    // Istio's form is `default:info` with a scope before each level; the agent has one level.
    read: (text) => /(?:^|,)(?:default:|all:)?(debug|info|warn|error)(?:,|$)/.exec(text)?.[1],
    expected: 'debug, info, warn or error, or default:<level>',
  },
};

/** The levels of a waypoint: the Gateway's if they mean something, else the control plane's. */
export function resolveLogLevels(deployment: WaypointDeployment): WaypointLogLevels {
  const annotations = resolveAnnotations(deployment);
  const resolve = ({ annotation, read, setting }: Source): string =>
    read(annotations[annotation] ?? '') ?? setting(deployment);
  return {
    proxy: resolve(sources.proxy),
    proxyComponents: resolve(sources.proxyComponents),
    agent: resolve(sources.agent),
  };
}

/** Annotations that mean nothing, and so have no effect. */
export function checkLogLevels(deployment: WaypointDeployment): readonly Finding[] {
  const { gateway } = deployment;
  const annotations = resolveAnnotations(deployment);
  const place = gateway.spec.infrastructure?.annotations === undefined ? ['metadata'] : ['spec', 'infrastructure'];
  return Object.values(sources).flatMap(({ annotation, read, setting, expected }): readonly Finding[] => {
    const text = annotations[annotation] ?? '';
    if (text === '' || read(text) !== undefined) return [];
    return [
      {
        code: 'InvalidValue',
        severity: 'warning',
        ref: { kind: 'Gateway', namespace: gateway.namespace, name: gateway.name },
        path: [...place, 'annotations', annotation],
        message: `"${text}" is not ${expected}; ${setting(deployment)} is used`,
      },
    ];
  });
}

function isComponentLevel(pair: string): boolean {
  const [component, level, ...more] = pair.split(':');
  return /^[a-z0-9_]+$/.test(component ?? '') && more.length === 0 && proxyLevels.includes(level ?? '');
}
