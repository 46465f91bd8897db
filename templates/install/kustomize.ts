// The kustomize base: one file for each object, and the list of them.

import { formatYaml } from '../yaml.ts';
import { formatFileName, type RenderedFiles } from './helm.ts';
import { renderInstallation } from './installation.ts';
import type { InstallSettings } from './settings.ts';

/** A base for `kubectl apply -k`, or for overlays of one's own. */
export function renderKustomizeBase(settings: InstallSettings): RenderedFiles {
  const files = new Map<string, string>();
  const objects = renderInstallation(settings);
  files.set(
    'kustomization.yaml',
    formatYaml({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      resources: objects.map(({ kind }) => formatFileName(kind)),
    }),
  );
  for (const object of objects) files.set(formatFileName(object.kind), formatYaml(object));
  return files;
}
