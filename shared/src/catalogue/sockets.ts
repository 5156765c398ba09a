/** Rows of the network stack: protocols, sockets, connection tracking, neighbours. node_exporter's names. */
import { counter, gauge } from './definition.ts';

/** A count of /proc/net/snmp and its neighbours, which node_exporter names as the kernel does. */
function protocol(help: string) {
  return counter({ unit: 'count', labels: [], scale: 0, help });
}

function level(help: string) {
  return gauge({ unit: 'count', labels: [], scale: 0, help });
}

function bytes(help: string) {
  return gauge({ unit: 'bytes', labels: [], scale: 0, help });
}

function perCpu(help: string) {
  return counter({ unit: 'count', labels: ['cpu'], scale: 0, help });
}

/** Rows of /proc/net/snmp, /proc/net/snmp6 and /proc/net/netstat: `node_netstat_<protocol>_<name>`. */
export const NETSTAT_METRICS = {
  node_netstat_Icmp_InErrors: protocol('Bad ICMP messages received.'),
  node_netstat_Icmp_InMsgs: protocol('ICMP messages received.'),
  node_netstat_Icmp_OutMsgs: protocol('ICMP messages sent.'),
  node_netstat_Icmp6_InErrors: protocol('Bad ICMPv6 messages received.'),
  node_netstat_Icmp6_InMsgs: protocol('ICMPv6 messages received.'),
  node_netstat_Icmp6_OutMsgs: protocol('ICMPv6 messages sent.'),
  node_netstat_Ip6_InOctets: protocol('Bytes received over IPv6.'),
  node_netstat_Ip6_OutOctets: protocol('Bytes sent over IPv6.'),
  node_netstat_IpExt_InOctets: protocol('Bytes received over IPv4.'),
  node_netstat_IpExt_OutOctets: protocol('Bytes sent over IPv4.'),
  node_netstat_TcpExt_ListenDrops: protocol('Connections dropped at a listening socket.'),
  node_netstat_TcpExt_ListenOverflows: protocol(
    'Connections dropped because the queue of a listening socket was full.',
  ),
  node_netstat_TcpExt_SyncookiesFailed: protocol('Invalid SYN cookies received.'),
  node_netstat_TcpExt_SyncookiesRecv: protocol('SYN cookies received.'),
  node_netstat_TcpExt_SyncookiesSent: protocol('SYN cookies sent.'),
  node_netstat_TcpExt_TCPOFOQueue: protocol('Packets that arrived out of order and were queued.'),
  node_netstat_TcpExt_TCPRcvQDrop: protocol('Packets dropped because the receive queue was full.'),
  node_netstat_TcpExt_TCPSynRetrans: protocol('SYN packets sent again.'),
  node_netstat_TcpExt_TCPTimeouts: protocol('Retransmission timeouts.'),
  node_netstat_Tcp_ActiveOpens: protocol('Connections opened from here.'),
  node_netstat_Tcp_InErrs: protocol('Bad segments received.'),
  node_netstat_Tcp_InSegs: protocol('Segments received.'),
  node_netstat_Tcp_OutRsts: protocol('Resets sent.'),
  node_netstat_Tcp_OutSegs: protocol('Segments sent.'),
  node_netstat_Tcp_PassiveOpens: protocol('Connections opened from elsewhere.'),
  node_netstat_Tcp_RetransSegs: protocol('Segments sent again.'),
  node_netstat_Udp_InDatagrams: protocol('Datagrams received by UDP.'),
  node_netstat_Udp_InErrors: protocol('Datagrams of UDP that could not be delivered.'),
  node_netstat_Udp_NoPorts: protocol('Datagrams of UDP to a port where nobody listens.'),
  node_netstat_Udp_OutDatagrams: protocol('Datagrams sent by UDP.'),
  node_netstat_Udp_RcvbufErrors: protocol('Datagrams of UDP dropped because the receive buffer was full.'),
  node_netstat_Udp_SndbufErrors: protocol('Datagrams of UDP dropped because the send buffer was full.'),
  node_netstat_Udp6_InDatagrams: protocol('Datagrams received by UDP over IPv6.'),
  node_netstat_Udp6_InErrors: protocol('Datagrams of UDP over IPv6 that could not be delivered.'),
  node_netstat_Udp6_NoPorts: protocol('Datagrams of UDP over IPv6 to a port where nobody listens.'),
  node_netstat_Udp6_OutDatagrams: protocol('Datagrams sent by UDP over IPv6.'),
  node_netstat_Udp6_RcvbufErrors: protocol(
    'Datagrams of UDP over IPv6 dropped because the receive buffer was full.',
  ),
  node_netstat_Udp6_SndbufErrors: protocol(
    'Datagrams of UDP over IPv6 dropped because the send buffer was full.',
  ),
  node_netstat_UdpLite_InErrors: protocol('UDP-Lite datagrams that could not be delivered.'),
  node_netstat_UdpLite6_InErrors: protocol('UDP-Lite datagrams over IPv6 that could not be delivered.'),
  node_netstat_Ip_Forwarding: level('1 when the machine forwards packets, 2 when it does not.'),
  node_netstat_Tcp_CurrEstab: level('Connections that are established.'),
  node_netstat_Tcp_MaxConn: level('Connections that are allowed, -1 when there is no limit.'),
} as const;

/** Rows of /proc/net/sockstat and /proc/net/sockstat6: `node_sockstat_<protocol>_<name>`. */
export const SOCKSTAT_METRICS = {
  node_sockstat_sockets_used: level('Sockets of all kinds.'),
  node_sockstat_TCP_inuse: level('TCP sockets in use.'),
  node_sockstat_UDP_inuse: level('UDP sockets in use.'),
  node_sockstat_UDPLITE_inuse: level('UDP-Lite sockets in use.'),
  node_sockstat_RAW_inuse: level('Raw sockets.'),
  node_sockstat_FRAG_inuse: level('Packets being put together from fragments.'),
  node_sockstat_FRAG_memory: bytes('Memory of those fragments.'),
  node_sockstat_TCP6_inuse: level('TCP sockets in use over IPv6.'),
  node_sockstat_UDP6_inuse: level('UDP sockets in use over IPv6.'),
  node_sockstat_UDPLITE6_inuse: level('UDP-Lite sockets in use over IPv6.'),
  node_sockstat_RAW6_inuse: level('Raw sockets over IPv6.'),
  node_sockstat_FRAG6_inuse: level('Packets being put together from fragments over IPv6.'),
  node_sockstat_FRAG6_memory: bytes('Memory of those fragments.'),
  node_sockstat_TCP_orphan: level('TCP sockets without a process.'),
  node_sockstat_TCP_tw: level('TCP sockets that wait for stray packets after their end.'),
  node_sockstat_TCP_alloc: level('TCP sockets in any state.'),
  node_sockstat_TCP_mem: level('Pages of memory that TCP sockets take.'),
  node_sockstat_TCP_mem_bytes: bytes('Memory that TCP sockets take.'),
  node_sockstat_UDP_mem: level('Pages of memory that UDP sockets take.'),
  node_sockstat_UDP_mem_bytes: bytes('Memory that UDP sockets take.'),
} as const;

export const SOCKET_METRICS = {
  ...NETSTAT_METRICS,
  ...SOCKSTAT_METRICS,

  node_softnet_processed_total: perCpu('Packets that the processor took from network devices.'),
  node_softnet_dropped_total: perCpu('Packets dropped because the queue of the processor was full.'),
  node_softnet_times_squeezed_total: perCpu(
    'Times that the processor ran out of its share with packets left.',
  ),
  node_softnet_cpu_collision_total: perCpu('Times that another processor held the device when sending.'),
  node_softnet_received_rps_total: perCpu('Times that another processor woke this one to take packets.'),
  node_softnet_flow_limit_count_total: perCpu('Times that a flow was limited.'),
  node_softnet_backlog_len: gauge({
    unit: 'count',
    labels: ['cpu'],
    scale: 0,
    help: 'Packets that wait for the processor.',
  }),

  node_nf_conntrack_entries: level('Connections that the firewall tracks.'),
  node_nf_conntrack_entries_limit: level('Connections that the firewall can track.'),
  node_nf_conntrack_stat_found: level('Lookups that found a connection, since the start.'),
  node_nf_conntrack_stat_invalid: level('Packets that cannot be tracked, since the start.'),
  node_nf_conntrack_stat_ignore: level('Packets of connections known before, since the start.'),
  node_nf_conntrack_stat_insert: level('Connections inserted, since the start.'),
  node_nf_conntrack_stat_insert_failed: level('Connections that could not be inserted, since the start.'),
  node_nf_conntrack_stat_drop: level('Packets dropped because tracking failed, since the start.'),
  node_nf_conntrack_stat_early_drop: level('Connections dropped to make room, since the start.'),
  node_nf_conntrack_stat_search_restart: level(
    'Lookups restarted because the table was resized, since the start.',
  ),

  node_arp_entries: gauge({
    unit: 'count',
    labels: ['device'],
    scale: 0,
    help: 'Neighbours in the ARP table.',
  }),
  node_tcp_connection_states: gauge({
    unit: 'count',
    labels: ['state'],
    scale: 0,
    help: 'TCP sockets by state; bytes in their queues as rx_queued_bytes and tx_queued_bytes; as of at most a minute ago, five where the table is dear to read.',
  }),
  node_udp_queues: gauge({
    unit: 'bytes',
    labels: ['ip', 'queue'],
    scale: 0,
    help: 'Bytes that wait in the queues of all UDP sockets.',
  }),
} as const;
