// Access to an API server as an installed control plane has it: its service account, with the
// shipped roles and no others.

import { type ApiResource, type ClusterAccess, resources } from '../../kubernetes/index.ts';
import { controlPlaneName, defaultInstallSettings, renderInstallation } from '../../templates/index.ts';
import type { TestApiServer } from './kube-apiserver.ts';

const rightsOf: Readonly<Record<string, ApiResource>> = {
  ServiceAccount: resources.ServiceAccount,
  Role: resources.Role,
  RoleBinding: resources.RoleBinding,
  ClusterRole: resources.ClusterRole,
  ClusterRoleBinding: resources.ClusterRoleBinding,
};

/** Installs the service account and its roles, in a namespace that is there. */
export async function accessAsShipped(api: TestApiServer): Promise<ClusterAccess> {
  for (const object of renderInstallation(defaultInstallSettings)) {
    const resource = rightsOf[object.kind];
    if (resource !== undefined) await api.client.apply(resource, object, { fieldManager: 'test' });
  }
  return api.accessAsServiceAccount(defaultInstallSettings.namespace, controlPlaneName);
}
