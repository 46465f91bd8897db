// The door of the templates: the Kubernetes objects that Cairn deploys, as pure functions.

export type { TemplateMeta, TemplateObject } from './object.ts';
export type { DeployedGateway, Overlay, WaypointDeployment } from './waypoint/deployment-input.ts';
export {
  classDefaultsLabel,
  formatManagedLabel,
  gatewayClassLabel,
  managedByLabel,
  managedLabel,
  resolveWaypointNames,
  type WaypointNames,
} from './waypoint/names.ts';
export { defaultWaypointTemplateSettings, type WaypointTemplateSettings } from './waypoint/settings.ts';
export { renderWaypoint, type RenderedWaypoint } from './waypoint/waypoint.ts';
export { renderHelmChart, type RenderedFiles } from './install/helm.ts';
export { renderInstallation } from './install/installation.ts';
export { version } from './version.ts';
export { formatYaml } from './yaml.ts';
export { renderKustomizeBase } from './install/kustomize.ts';
export {
  authoritySecret,
  controlPlaneLabels,
  controlPlaneName,
  formatWebhookName,
  leaseName,
  partOfLabel,
  pluggedAuthoritySecret,
} from './install/names.ts';
export {
  checkInstallSettings,
  defaultInstallSettings,
  isPodSetting,
  settingNames,
  settingSchemas,
  type InstallSettings,
} from './install/settings.ts';
