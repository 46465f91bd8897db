import type { KindAnalysis } from './analysis.ts';
import { appliedFilters, grpcFilters, parentRef, reportedFilters, route } from './fields/patterns.ts';
import { reportRouteAttachment } from '../resolve/gateway-route/analysis.ts';
import { findParents } from './targets.ts';

export const grpcRoute: KindAnalysis<'GRPCRoute'> = {
  fields: {
    applied: [...parentRef, ...route('rules[]'), ...appliedFilters(grpcFilters)],
    reported: ['hostnames[]', ...reportedFilters(grpcFilters)],
  },
  report: reportRouteAttachment,
  services: findParents,
};
