// The door of the Kubernetes API access. It knows no mesh semantics.

export {};
