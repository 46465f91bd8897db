import type { KindAnalysis } from './analysis.ts';

export const gatewayClass: KindAnalysis<'GatewayClass'> = {
  fields: { applied: ['controllerName'], elsewhere: { description: 'for people' } },
  report: () => undefined,
  isOurs: (mesh, { spec }) => spec.controllerName === mesh.settings.waypointController,
};
