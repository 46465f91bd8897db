// The door of the templates: the Kubernetes objects that Cairn deploys, as pure functions.

export type { TemplateMeta, TemplateObject } from './object.ts';
export type { DeployedGateway, Overlay, WaypointDeployment } from './waypoint/deployment-input.ts';
export {
  classDefaultsLabel,
  formatManagedLabel,
  gatewayClassLabel,
  managedLabel,
  resolveWaypointNames,
  type WaypointNames,
} from './waypoint/names.ts';
export { defaultWaypointTemplateSettings, type WaypointTemplateSettings } from './waypoint/settings.ts';
export { renderWaypoint, type RenderedWaypoint } from './waypoint/waypoint.ts';
