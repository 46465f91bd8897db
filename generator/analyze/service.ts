import type { KindAnalysis } from './analysis.ts';
import { analyzeService } from './services.ts';

const ofTheCluster = 'for what reaches a service other than by its mesh address';
const ofItsAddresses = 'for whoever gives the service its addresses; those that it has are read';

export const service: KindAnalysis<'Service'> = {
  fields: {
    applied: [
      'clusterIP',
      'clusterIPs[]',
      'selector.*',
      ...['name', 'port', 'protocol', 'appProtocol', 'targetPort'].map((field) => `ports[].${field}`),
      'trafficDistribution',
      'externalName',
      'publishNotReadyAddresses',
    ],
    reported: ['internalTrafficPolicy', 'sessionAffinity', 'sessionAffinityConfig.**'],
    elsewhere: {
      type: ofTheCluster,
      allocateLoadBalancerNodePorts: ofTheCluster,
      'externalIPs[]': ofTheCluster,
      externalTrafficPolicy: ofTheCluster,
      healthCheckNodePort: ofTheCluster,
      loadBalancerClass: ofTheCluster,
      loadBalancerIP: ofTheCluster,
      'loadBalancerSourceRanges[]': ofTheCluster,
      'ports[].nodePort': ofTheCluster,
      'ipFamilies[]': ofItsAddresses,
      ipFamilyPolicy: ofItsAddresses,
    },
  },
  report: analyzeService,
};
