// Gateway API GatewayClass (gateway.networking.k8s.io/v1).

export interface GatewayClassSpec {
  readonly controllerName: string;
  readonly description?: string;
}
