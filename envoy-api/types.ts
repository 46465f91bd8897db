// Short names for the messages that the generators write. The generated names depend on what else is in the schema; these do not.

import type { MessageTypes } from './generated/messages.ts';

type Message<K extends keyof MessageTypes> = MessageTypes[K];

/** `envoy.config.listener.v3.Listener` */
export type Listener = Message<'envoy.config.listener.v3.Listener'>;
/** `envoy.config.listener.v3.ListenerFilter` */
export type ListenerFilter = Message<'envoy.config.listener.v3.ListenerFilter'>;
/** `envoy.config.listener.v3.FilterChain` */
export type FilterChain = Message<'envoy.config.listener.v3.FilterChain'>;
/** `envoy.config.listener.v3.FilterChainMatch` */
export type FilterChainMatch = Message<'envoy.config.listener.v3.FilterChainMatch'>;
/** `envoy.config.listener.v3.Filter` */
export type NetworkFilter = Message<'envoy.config.listener.v3.Filter'>;
/** `envoy.config.cluster.v3.Cluster` */
export type Cluster = Message<'envoy.config.cluster.v3.Cluster'>;
/** `envoy.config.cluster.v3.OutlierDetection` */
export type OutlierDetection = Message<'envoy.config.cluster.v3.OutlierDetection'>;
/** `envoy.config.cluster.v3.CircuitBreakers` */
export type CircuitBreakers = Message<'envoy.config.cluster.v3.CircuitBreakers'>;
/** `envoy.config.endpoint.v3.ClusterLoadAssignment` */
export type ClusterLoadAssignment = Message<'envoy.config.endpoint.v3.ClusterLoadAssignment'>;
/** `envoy.config.endpoint.v3.LocalityLbEndpoints` */
export type LocalityLbEndpoints = Message<'envoy.config.endpoint.v3.LocalityLbEndpoints'>;
/** `envoy.config.endpoint.v3.LbEndpoint` */
export type LbEndpoint = Message<'envoy.config.endpoint.v3.LbEndpoint'>;
/** `envoy.config.endpoint.v3.Endpoint` */
export type Endpoint = Message<'envoy.config.endpoint.v3.Endpoint'>;
/** `envoy.config.route.v3.RouteConfiguration` */
export type RouteConfiguration = Message<'envoy.config.route.v3.RouteConfiguration'>;
/** `envoy.config.route.v3.VirtualHost` */
export type VirtualHost = Message<'envoy.config.route.v3.VirtualHost'>;
/** `envoy.config.route.v3.Route` */
export type Route = Message<'envoy.config.route.v3.Route'>;
/** `envoy.config.route.v3.RouteMatch` */
export type RouteMatch = Message<'envoy.config.route.v3.RouteMatch'>;
/** `envoy.config.route.v3.RouteAction` */
export type RouteAction = Message<'envoy.config.route.v3.RouteAction'>;
/** `envoy.config.route.v3.RedirectAction` */
export type RedirectAction = Message<'envoy.config.route.v3.RedirectAction'>;
/** `envoy.config.route.v3.DirectResponseAction` */
export type DirectResponseAction = Message<'envoy.config.route.v3.DirectResponseAction'>;
/** `envoy.config.route.v3.WeightedCluster` */
export type WeightedCluster = Message<'envoy.config.route.v3.WeightedCluster'>;
/** `envoy.config.route.v3.WeightedCluster.ClusterWeight` */
export type WeightedClusterEntry = Message<'envoy.config.route.v3.WeightedCluster.ClusterWeight'>;
/** `envoy.config.route.v3.RetryPolicy` */
export type RetryPolicy = Message<'envoy.config.route.v3.RetryPolicy'>;
/** `envoy.config.route.v3.RouteAction.HashPolicy` */
export type HashPolicy = Message<'envoy.config.route.v3.RouteAction.HashPolicy'>;
/** `envoy.config.route.v3.RouteAction.RequestMirrorPolicy` */
export type RequestMirrorPolicy = Message<'envoy.config.route.v3.RouteAction.RequestMirrorPolicy'>;
/** `envoy.config.route.v3.HeaderMatcher` */
export type HeaderMatcher = Message<'envoy.config.route.v3.HeaderMatcher'>;
/** `envoy.config.route.v3.QueryParameterMatcher` */
export type QueryParameterMatcher = Message<'envoy.config.route.v3.QueryParameterMatcher'>;
/** `envoy.config.route.v3.RateLimit` */
export type RateLimit = Message<'envoy.config.route.v3.RateLimit'>;
/** `envoy.config.core.v3.Address` */
export type Address = Message<'envoy.config.core.v3.Address'>;
/** `envoy.config.core.v3.SocketAddress` */
export type SocketAddress = Message<'envoy.config.core.v3.SocketAddress'>;
/** `envoy.config.core.v3.CidrRange` */
export type CidrRange = Message<'envoy.config.core.v3.CidrRange'>;
/** `envoy.config.core.v3.ConfigSource` */
export type ConfigSource = Message<'envoy.config.core.v3.ConfigSource'>;
/** `envoy.config.core.v3.DataSource` */
export type DataSource = Message<'envoy.config.core.v3.DataSource'>;
/** `envoy.config.core.v3.GrpcService` */
export type GrpcService = Message<'envoy.config.core.v3.GrpcService'>;
/** `envoy.config.core.v3.HeaderValue` */
export type HeaderValue = Message<'envoy.config.core.v3.HeaderValue'>;
/** `envoy.config.core.v3.HeaderValueOption` */
export type HeaderValueOption = Message<'envoy.config.core.v3.HeaderValueOption'>;
/** `envoy.config.core.v3.HealthCheck` */
export type HealthCheck = Message<'envoy.config.core.v3.HealthCheck'>;
/** `envoy.config.core.v3.Locality` */
export type Locality = Message<'envoy.config.core.v3.Locality'>;
/** `envoy.config.core.v3.Metadata` */
export type Metadata = Message<'envoy.config.core.v3.Metadata'>;
/** `envoy.config.core.v3.Node` */
export type Node = Message<'envoy.config.core.v3.Node'>;
/** `envoy.config.core.v3.RuntimeFractionalPercent` */
export type RuntimeFractionalPercent = Message<'envoy.config.core.v3.RuntimeFractionalPercent'>;
/** `envoy.config.core.v3.SubstitutionFormatString` */
export type SubstitutionFormatString = Message<'envoy.config.core.v3.SubstitutionFormatString'>;
/** `envoy.config.core.v3.TransportSocket` */
export type TransportSocket = Message<'envoy.config.core.v3.TransportSocket'>;
/** `envoy.config.core.v3.TypedExtensionConfig` */
export type TypedExtensionConfig = Message<'envoy.config.core.v3.TypedExtensionConfig'>;
/** `envoy.config.accesslog.v3.AccessLog` */
export type AccessLog = Message<'envoy.config.accesslog.v3.AccessLog'>;
/** `envoy.config.accesslog.v3.AccessLogFilter` */
export type AccessLogFilter = Message<'envoy.config.accesslog.v3.AccessLogFilter'>;
/** `envoy.config.bootstrap.v3.Bootstrap` */
export type Bootstrap = Message<'envoy.config.bootstrap.v3.Bootstrap'>;
/** `envoy.config.rbac.v3.RBAC` */
export type RbacRules = Message<'envoy.config.rbac.v3.RBAC'>;
/** `envoy.config.rbac.v3.Policy` */
export type RbacPolicy = Message<'envoy.config.rbac.v3.Policy'>;
/** `envoy.config.rbac.v3.Permission` */
export type Permission = Message<'envoy.config.rbac.v3.Permission'>;
/** `envoy.config.rbac.v3.Principal` */
export type Principal = Message<'envoy.config.rbac.v3.Principal'>;
/** `envoy.type.v3.FractionalPercent` */
export type FractionalPercent = Message<'envoy.type.v3.FractionalPercent'>;
/** `envoy.type.v3.Percent` */
export type Percent = Message<'envoy.type.v3.Percent'>;
/** `envoy.type.matcher.v3.StringMatcher` */
export type StringMatcher = Message<'envoy.type.matcher.v3.StringMatcher'>;
/** `envoy.type.matcher.v3.RegexMatcher` */
export type RegexMatcher = Message<'envoy.type.matcher.v3.RegexMatcher'>;
/** `envoy.type.matcher.v3.RegexMatchAndSubstitute` */
export type RegexMatchAndSubstitute = Message<'envoy.type.matcher.v3.RegexMatchAndSubstitute'>;
/** `envoy.type.matcher.v3.FilterStateMatcher` */
export type FilterStateMatcher = Message<'envoy.type.matcher.v3.FilterStateMatcher'>;
/** `envoy.type.matcher.v3.MetadataMatcher` */
export type MetadataMatcher = Message<'envoy.type.matcher.v3.MetadataMatcher'>;
/** `envoy.type.matcher.v3.ValueMatcher` */
export type ValueMatcher = Message<'envoy.type.matcher.v3.ValueMatcher'>;
/** `xds.type.matcher.v3.Matcher` */
export type Matcher = Message<'xds.type.matcher.v3.Matcher'>;
/** `xds.type.matcher.v3.Matcher.OnMatch` */
export type MatcherOnMatch = Message<'xds.type.matcher.v3.Matcher.OnMatch'>;
/** `xds.type.matcher.v3.IPMatcher` */
export type IpMatcher = Message<'xds.type.matcher.v3.IPMatcher'>;
/** `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager` */
export type HttpConnectionManager =
  Message<'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'>;
/** `envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter` */
export type HttpFilter = Message<'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter'>;
/** `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy` */
export type TcpProxy = Message<'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'>;
/** `envoy.extensions.filters.http.rbac.v3.RBAC` */
export type HttpRbac = Message<'envoy.extensions.filters.http.rbac.v3.RBAC'>;
/** `envoy.extensions.filters.http.rbac.v3.RBACPerRoute` */
export type HttpRbacPerRoute = Message<'envoy.extensions.filters.http.rbac.v3.RBACPerRoute'>;
/** `envoy.extensions.filters.network.rbac.v3.RBAC` */
export type NetworkRbac = Message<'envoy.extensions.filters.network.rbac.v3.RBAC'>;
/** `envoy.extensions.filters.http.fault.v3.HTTPFault` */
export type HttpFault = Message<'envoy.extensions.filters.http.fault.v3.HTTPFault'>;
/** `envoy.extensions.filters.common.fault.v3.FaultDelay` */
export type FaultDelay = Message<'envoy.extensions.filters.common.fault.v3.FaultDelay'>;
/** `envoy.extensions.filters.http.fault.v3.FaultAbort` */
export type FaultAbort = Message<'envoy.extensions.filters.http.fault.v3.FaultAbort'>;
/** `envoy.extensions.filters.http.cors.v3.CorsPolicy` */
export type CorsPolicy = Message<'envoy.extensions.filters.http.cors.v3.CorsPolicy'>;
/** `envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication` */
export type JwtAuthentication = Message<'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication'>;
/** `envoy.extensions.filters.http.jwt_authn.v3.JwtProvider` */
export type JwtProvider = Message<'envoy.extensions.filters.http.jwt_authn.v3.JwtProvider'>;
/** `envoy.extensions.filters.http.ext_authz.v3.ExtAuthz` */
export type ExtAuthz = Message<'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz'>;
/** `envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute` */
export type ExtAuthzPerRoute = Message<'envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute'>;
/** `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit` */
export type LocalRateLimit = Message<'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit'>;
/** `envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue` */
export type FilterStateValue = Message<'envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue'>;
/** `envoy.extensions.filters.http.header_to_metadata.v3.Config` */
export type HeaderToMetadata = Message<'envoy.extensions.filters.http.header_to_metadata.v3.Config'>;
/** `envoy.extensions.transport_sockets.tls.v3.Secret` */
export type Secret = Message<'envoy.extensions.transport_sockets.tls.v3.Secret'>;
/** `envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig` */
export type SdsSecretConfig = Message<'envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig'>;
/** `envoy.extensions.transport_sockets.tls.v3.CommonTlsContext` */
export type CommonTlsContext = Message<'envoy.extensions.transport_sockets.tls.v3.CommonTlsContext'>;
/** `envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext` */
export type DownstreamTlsContext = Message<'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'>;
/** `envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext` */
export type UpstreamTlsContext = Message<'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'>;
/** `envoy.extensions.upstreams.http.v3.HttpProtocolOptions` */
export type UpstreamHttpProtocolOptions = Message<'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'>;
/** `envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport` */
export type InternalUpstreamTransport =
  Message<'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport'>;
/** `envoy.config.cluster.v3.LoadBalancingPolicy` */
export type LoadBalancingPolicy = Message<'envoy.config.cluster.v3.LoadBalancingPolicy'>;
/** `envoy.service.discovery.v3.DiscoveryRequest` */
export type DiscoveryRequest = Message<'envoy.service.discovery.v3.DiscoveryRequest'>;
/** `envoy.service.discovery.v3.DiscoveryResponse` */
export type DiscoveryResponse = Message<'envoy.service.discovery.v3.DiscoveryResponse'>;
/** `envoy.service.discovery.v3.DeltaDiscoveryRequest` */
export type DeltaDiscoveryRequest = Message<'envoy.service.discovery.v3.DeltaDiscoveryRequest'>;
/** `envoy.service.discovery.v3.DeltaDiscoveryResponse` */
export type DeltaDiscoveryResponse = Message<'envoy.service.discovery.v3.DeltaDiscoveryResponse'>;
/** `envoy.service.discovery.v3.Resource` */
export type DeltaResource = Message<'envoy.service.discovery.v3.Resource'>;
/** `google.rpc.Status` */
export type RpcStatus = Message<'google.rpc.Status'>;
