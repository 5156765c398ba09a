import type { EvidenceProgram, IncidentEvidence } from '../../../../collector/src/api/types.ts';
import { formatBytes, formatBytesPerSecond, formatCount, formatNumber, formatSpan } from '../../format.ts';
import { Foreign } from '../../ui/text.tsx';
import { At } from '../../ui/time.tsx';

const PROBLEM_LENGTH_MAX = 300;
const NAME_SHOWN_MAX = 64;

/** What kept the host busy when an incident opened. */
export function Processes({ processes }: { readonly processes: IncidentEvidence['processes'] }) {
  if (processes === null) return null;
  if ('problem' in processes) {
    return (
      <p class="muted">
        No programs: <Foreign text={processes.problem} maxLength={PROBLEM_LENGTH_MAX} />
      </p>
    );
  }
  return (
    <>
      <h3>Busiest programs</h3>
      <p class="muted">
        In {formatSpan(processes.spanMs)} until <At timeMs={processes.atMs} />, the busiest first.
      </p>
      <div class="table-scroll" role="region" aria-label="Busiest programs" tabIndex={0}>
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Program</th>
              <th scope="col">Processes</th>
              <th scope="col">Busiest process</th>
              <th scope="col">Processors</th>
              <th scope="col">Memory</th>
              <th scope="col">Read</th>
              <th scope="col">Written</th>
            </tr>
          </thead>
          <tbody>
            {processes.programs.map((program, index) => (
              <Row key={index} program={program} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Row({ program }: { readonly program: EvidenceProgram }) {
  const { name, count, pid, cpus, memoryBytes, readBytesPerSecond, writtenBytesPerSecond } = program;
  return (
    <tr>
      <td class="is-name">
        {name === '' ? (
          <span class="muted">without a name</span>
        ) : (
          <Foreign text={name} maxLength={NAME_SHOWN_MAX} />
        )}
      </td>
      <td>{formatCount(count)}</td>
      <td>{pid}</td>
      <td>{formatNumber(cpus)}</td>
      <td>{formatBytes(memoryBytes)}</td>
      <td>{formatBytesPerSecond(readBytesPerSecond)}</td>
      <td>{formatBytesPerSecond(writtenBytesPerSecond)}</td>
    </tr>
  );
}
