import type { KindAnalysis } from './analysis.ts';
import { appliedFilters, httpFilters, parentRef, reportedFilters, route } from './fields/patterns.ts';
import { reportRouteAttachment } from '../resolve/gateway-route/analysis.ts';
import { findParents } from './targets.ts';

export const httpRoute: KindAnalysis<'HTTPRoute'> = {
  fields: {
    applied: [
      ...parentRef,
      ...route('rules[]'),
      ...appliedFilters(httpFilters),
      'rules[].timeouts.request',
      'rules[].timeouts.backendRequest',
      'rules[].retry.**',
    ],
    reported: ['hostnames[]', ...reportedFilters(httpFilters)],
  },
  report: reportRouteAttachment,
  services: findParents,
};
