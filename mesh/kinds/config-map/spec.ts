// The part of a ConfigMap (core/v1) that is read.

/** Of a ConfigMap, whose fields stand beside its metadata, only this is kept. */
export interface ConfigMapSpec {
  /** Certificates of authorities, PEM. */
  readonly 'ca.crt'?: string;
}
