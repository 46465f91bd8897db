// The door of the templates: the Kubernetes objects that Cairn deploys, as pure functions.

export {};
