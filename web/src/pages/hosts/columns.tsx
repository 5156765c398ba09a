import type { ComponentChildren } from 'preact';
import type { HostSummary, HostVitals } from '../../../../collector/src/api/types.ts';
import { clip, formatBytes, formatBytesPerSecond, formatCount, formatNumber } from '../../format.ts';
import { Meter } from '../../ui/meter.tsx';
import { StateLabel } from '../../ui/state.tsx';
import { Foreign, NAME_LENGTH_MAX } from '../../ui/text.tsx';
import { SpanSince, TimeAgo } from '../../ui/time.tsx';
import type { SortKey } from './order.ts';

/** One column of the list, also one field of a card on a narrow screen. */
export interface Column {
  readonly key: SortKey;
  readonly label: string;
  readonly isFigure: boolean;
  cell(host: HostSummary): ComponentChildren;
}

/** The columns from left to right. */
export const COLUMNS: readonly Column[] = [
  { key: 'state', label: 'State', isFigure: false, cell: (host) => <StateLabel state={host.state} /> },
  { key: 'name', label: 'Name', isFigure: false, cell: (host) => <HostLink host={host} /> },
  { key: 'os', label: 'System', isFigure: false, cell: (host) => <System host={host} /> },
  {
    key: 'cpu',
    label: 'CPU',
    isFigure: false,
    cell: (host) => <Meter ratio={host.vitals?.cpuBusyRatio ?? null} />,
  },
  { key: 'memory', label: 'Memory', isFigure: false, cell: (host) => <Memory vitals={host.vitals} /> },
  { key: 'disk', label: 'Disk', isFigure: false, cell: (host) => <Disk vitals={host.vitals} /> },
  { key: 'load', label: 'Load', isFigure: true, cell: (host) => formatNumber(host.vitals?.load1 ?? null) },
  { key: 'network', label: 'Network', isFigure: true, cell: (host) => <Network vitals={host.vitals} /> },
  { key: 'uptime', label: 'Uptime', isFigure: true, cell: (host) => <Uptime vitals={host.vitals} /> },
  { key: 'seen', label: 'Last seen', isFigure: true, cell: (host) => <TimeAgo timeMs={host.lastSeenMs} /> },
  { key: 'incidents', label: 'Incidents', isFigure: true, cell: (host) => <Incidents host={host} /> },
];

function HostLink({ host }: { readonly host: HostSummary }) {
  return (
    <a
      class="host-link"
      href={`/hosts/${encodeURIComponent(host.id)}`}
      title={clip(host.name, NAME_LENGTH_MAX)}
    >
      <Foreign text={host.name} />
    </a>
  );
}

function System({ host }: { readonly host: HostSummary }) {
  if (host.os === null) return <span class="muted">–</span>;
  return (
    <span title={clip(`${host.os.name}, ${host.os.kernel}, ${host.os.arch}`, NAME_LENGTH_MAX)}>
      <Foreign text={host.os.name} />
    </span>
  );
}

type WithVitals = { readonly vitals: HostVitals | null };

function Memory({ vitals }: WithVitals) {
  const totalBytes = vitals?.memoryTotalBytes ?? null;
  return (
    <Meter
      ratio={vitals?.memoryUsedRatio ?? null}
      detail={totalBytes === null ? null : formatBytes(totalBytes)}
    />
  );
}

function Disk({ vitals }: WithVitals) {
  const fullest = vitals?.fullestFilesystem ?? null;
  return <Meter ratio={fullest?.usedRatio ?? null} detail={fullest?.mountpoint ?? null} />;
}

function Network({ vitals }: WithVitals) {
  const received = vitals?.receiveBytesPerSecond ?? null;
  const sent = vitals?.transmitBytesPerSecond ?? null;
  if (received === null && sent === null) return <span class="muted">–</span>;
  return (
    <span class="rates">
      <span>
        <span class="sr-only">received </span>
        <span aria-hidden="true">↓</span> {formatBytesPerSecond(received)}
      </span>
      <span>
        <span class="sr-only">sent </span>
        <span aria-hidden="true">↑</span> {formatBytesPerSecond(sent)}
      </span>
    </span>
  );
}

function Uptime({ vitals }: WithVitals) {
  const bootedMs = vitals?.bootedMs ?? null;
  return bootedMs === null ? <span class="muted">–</span> : <SpanSince timeMs={bootedMs} />;
}

function Incidents({ host }: { readonly host: HostSummary }) {
  if (host.openIncidentCount === 0) return <span class="muted">0</span>;
  return (
    <span class="count">
      {formatCount(host.openIncidentCount)}
      <span class="sr-only"> open</span>
    </span>
  );
}
