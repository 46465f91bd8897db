// DestinationRule `outlierDetection`: when a failing endpoint is ejected. If it is set, too few
// healthy endpoints are no reason to use ejected ones, unless `minHealthPercent` says so.

import { type OutlierDetection as Settings, parseDuration } from '../../../mesh/index.ts';
import type { OutlierDetection } from '../../model/cluster.ts';

/** The outlier detection that settings ask for. */
export function resolveOutlierDetection(settings: Settings): OutlierDetection {
  const interval = milliseconds(settings.interval);
  const ejection = milliseconds(settings.baseEjectionTime);
  const split = settings.splitExternalLocalOriginErrors === true;
  const local = settings.consecutiveLocalOriginFailures;
  const codes = [...new Set(settings.outlierDetectionHttpErrorCodes)].sort((a, b) => a - b);
  return {
    ...(settings.consecutive5xxErrors === undefined ? {} : { consecutive5xx: settings.consecutive5xxErrors }),
    ...(settings.consecutiveGatewayErrors === undefined
      ? {}
      : { consecutiveGatewayErrors: settings.consecutiveGatewayErrors }),
    ...(split && local !== undefined && local > 0 ? { consecutiveLocalFailures: local } : {}),
    splitLocalFailures: split,
    ...(codes.length === 0 ? {} : { errorStatuses: codes }),
    ...(interval === undefined ? {} : { interval }),
    ...(ejection === undefined ? {} : { baseEjectionTime: ejection }),
    ...((settings.maxEjectionPercent ?? 0) > 0 ? { maxEjectionPercent: settings.maxEjectionPercent ?? 0 } : {}),
    panicPercent: settings.minHealthPercent ?? 0,
  };
}

function milliseconds(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text);
}
