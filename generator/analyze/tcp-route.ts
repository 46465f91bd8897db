import type { KindAnalysis } from './analysis.ts';
import { nameOfTcpRule, tcpRoute as tcpRouteFields } from './fields/patterns.ts';
import { reportRouteAttachment } from '../resolve/gateway-route/analysis.ts';
import { findParents } from './targets.ts';

export const tcpRoute: KindAnalysis<'TCPRoute'> = {
  fields: { applied: tcpRouteFields, elsewhere: nameOfTcpRule },
  report: reportRouteAttachment,
  services: findParents,
};
