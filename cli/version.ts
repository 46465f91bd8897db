// The version of the product.

/** The version that `cairn --version` prints. */
export const version = '0.1.0';
