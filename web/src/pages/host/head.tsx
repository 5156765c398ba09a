import type { ComponentChildren } from 'preact';
import type { HostDetail } from '../../../../collector/src/api/types.ts';
import { formatBytes, formatBytesPerSecond, formatCount, formatNumber, plural } from '../../format.ts';
import { Meter } from '../../ui/meter.tsx';
import { StateLabel } from '../../ui/state.tsx';
import { Foreign } from '../../ui/text.tsx';
import { SpanSince, TimeAgo } from '../../ui/time.tsx';

/** The first screen of a host: who it is, whether it is up, and its present readings. */
export function HostHead({ host }: { readonly host: HostDetail }) {
  return (
    <header class="host-head">
      <div class="host-title">
        <h1>
          <Foreign text={host.name} />
        </h1>
        <span class="host-state">
          <StateLabel state={host.state} />
          <span class="muted">
            for <SpanSince timeMs={host.stateSinceMs} />
          </span>
        </span>
      </div>
      <KeyTrouble host={host} />
      <Facts host={host} />
      <Readings host={host} />
      <LostSamples lost={host.lostSamples} />
    </header>
  );
}

/** What only an administrator can end, and how. */
function KeyTrouble({ host }: { readonly host: HostDetail }) {
  if (host.revokedMs !== null) {
    return (
      <p class="notice">
        Its agent was shut out <TimeAgo timeMs={host.revokedMs} />; its data stay until they are too old or{' '}
        <Command words="delete" host={host} />.
      </p>
    );
  }
  if (host.keyConflictMs === null) return null;
  return (
    <p class="notice is-problem">
      Its key was seen on two machines <TimeAgo timeMs={host.keyConflictMs} />: one is a copy, or came back
      from an image. The one that was behind is shut out and keeps its readings. When it is the right one:{' '}
      <Command words="accept-restored" host={host} />. When you do not know why:{' '}
      <Command words="revoke" host={host} />.
    </p>
  );
}

function Command({ words, host }: { readonly words: string; readonly host: HostDetail }) {
  return <code>{`rollcall-collector host ${words} ${host.id}`}</code>;
}

function Facts({ host }: { readonly host: HostDetail }) {
  const bootedMs = host.vitals?.bootedMs ?? null;
  return (
    <dl class="facts">
      <Fact label="System">{host.os === null ? '–' : <Foreign text={host.os.name} />}</Fact>
      <Fact label="Kernel">
        {host.os === null ? '–' : <Foreign text={`${host.os.kernel} ${host.os.arch}`.trim()} />}
      </Fact>
      <Fact label="Uptime">{bootedMs === null ? '–' : <SpanSince timeMs={bootedMs} />}</Fact>
      <Fact label="Last seen">
        <TimeAgo timeMs={host.lastSeenMs} />
      </Fact>
      <Fact label="Agent">{host.agentVersion === null ? '–' : <Foreign text={host.agentVersion} />}</Fact>
      {host.config === null ? null : (
        <Fact label="Settings">
          {host.config.state} <TimeAgo timeMs={host.config.changedMs} />
          {host.config.text === '' ? null : (
            <>
              : <Foreign text={host.config.text} />
            </>
          )}
        </Fact>
      )}
      <Fact label="Enrolled">
        <TimeAgo timeMs={host.enrolledMs} />
      </Fact>
    </dl>
  );
}

function Readings({ host }: { readonly host: HostDetail }) {
  const vitals = host.vitals;
  if (vitals === null) return null;
  const isStale = host.state === 'down' || host.state === 'unknown';
  const disk = vitals.fullestFilesystem;
  return (
    <>
      {isStale ? (
        <p class="stale-note">
          These are the last readings, taken <TimeAgo timeMs={vitals.timeMs} />.
        </p>
      ) : null}
      <dl class={isStale ? 'readings is-stale' : 'readings'}>
        <Fact label={vitals.cpuCount === null ? 'CPU' : `CPU, ${plural(vitals.cpuCount, 'core')}`}>
          <Meter ratio={vitals.cpuBusyRatio} />
        </Fact>
        <Fact
          label={
            vitals.memoryTotalBytes === null ? 'Memory' : `Memory, ${formatBytes(vitals.memoryTotalBytes)}`
          }
        >
          <Meter ratio={vitals.memoryUsedRatio} />
        </Fact>
        <Fact
          label={
            disk === null ? (
              'Disk'
            ) : (
              <>
                Disk <Foreign text={disk.mountpoint} maxLength={40} />
                {disk.sizeBytes === null ? null : `, ${formatBytes(disk.sizeBytes)}`}
              </>
            )
          }
        >
          <Meter ratio={disk?.usedRatio ?? null} />
        </Fact>
        <Fact label="Load">{formatNumber(vitals.load1)}</Fact>
        <Fact label="Received">{formatBytesPerSecond(vitals.receiveBytesPerSecond)}</Fact>
        <Fact label="Sent">{formatBytesPerSecond(vitals.transmitBytesPerSecond)}</Fact>
      </dl>
    </>
  );
}

/** What was dropped and declared: told, because a gap in a chart would otherwise look like the host's silence. */
function LostSamples({ lost }: { readonly lost: HostDetail['lostSamples'] }) {
  const reasons = Object.entries(lost).filter(([, count]) => count > 0);
  if (reasons.length === 0) return null;
  return (
    <p class="notice">
      Samples lost since enrolment, and drawn as gaps:{' '}
      {reasons.map(([reason, count], index) => (
        <span key={reason}>
          {index === 0 ? '' : ', '}
          <Foreign text={reason} maxLength={60} /> {formatCount(count)}
        </span>
      ))}
      .
    </p>
  );
}

function Fact({
  label,
  children,
}: {
  readonly label: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
