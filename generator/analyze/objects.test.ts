import { expect, it } from 'vitest';
import { readMesh } from '../../test/support/mesh.ts';
import { analyzeMesh } from '../whole/waypoint.ts';

it('a class is ours by the controller of the settings, and what its fields do not do is said of ours alone', () => {
  const gatewayClass = (name: string, controllerName: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: ${name} }
spec: { controllerName: ${controllerName}, parametersRef: { group: example.com, kind: Parameters, name: x } }
---`;
  const waypointController = 'cairn.dev/waypoint-controller';
  const texts = {
    'classes.yaml': gatewayClass('guest', waypointController) + gatewayClass('host', 'istio.io/mesh-controller'),
  };
  const about = analyzeMesh(readMesh(texts, { waypointController }).store).map(({ ref, code }) => [ref.name, code]);
  expect(about).toEqual([['guest', 'FieldNotSupported']]);
});
