import type { KindAnalysis } from './analysis.ts';
import { nameOfTcpRule, tcpRoute } from './fields/patterns.ts';
import { reportRouteAttachment } from '../resolve/gateway-route/analysis.ts';
import { findParents } from './targets.ts';

export const tlsRoute: KindAnalysis<'TLSRoute'> = {
  fields: { applied: tcpRoute, reported: ['hostnames[]'], elsewhere: nameOfTcpRule },
  report: reportRouteAttachment,
  services: findParents,
};
