// The default size of waypoints that load services on demand, apart from the code that does it, so
// that the flags of the command line know it at once.

/**
 * The size up to which a waypoint gets everything before anybody asks: it costs Envoy some 100 MB,
 * and needs no control plane for the first client of a service.
 */
export const defaultOnDemandAbove = 500;
