import type { KindAnalysis } from './analysis.ts';

export const endpointSlice: KindAnalysis<'EndpointSlice'> = {
  fields: {
    applied: [
      'addressType',
      ...['addresses[]', 'conditions.**', 'targetRef.**', 'nodeName'].map((field) => `endpoints[].${field}`),
      ...['name', 'port', 'protocol'].map((field) => `ports[].${field}`),
    ],
    elsewhere: {
      'endpoints[].zone': 'the labels of its node say where an endpoint is, with the region',
      'ports[].appProtocol': 'the port of the Service says so',
    },
  },
};
