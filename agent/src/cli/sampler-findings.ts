/** Runs each sampler once and says what it found, and why it found nothing. */
import { systemClock } from '@rollcall/shared/lib/clock.ts';
import { describeError } from '@rollcall/shared/lib/errors.ts';
import { SAMPLE_ERROR } from '@rollcall/shared/protocol/samples.ts';
import { createTicks } from '../app.ts';
import { LocalHost, MACHINE_ROOTS } from '../host/local-host.ts';
import { Manifest, recordingHost, type ManifestLists } from '../inventory/manifest.ts';
import type { SamplerResult } from '../scheduler/sampler-run.ts';
import { isAboutSampling } from '../scheduler/tick.ts';
import type { MachineFacts } from '../self/facts.ts';
import type { Finding } from './findings.ts';
import { counted } from './terminal.ts';

/** Files that are named as a reason. */
const REASONS_MAX = 3;

export interface SamplerCheckOptions {
  readonly facts: MachineFacts;
  readonly intervalMs: number;
  readonly textfileDir: string | undefined;
  /** Names of samplers that do not run. */
  readonly disabledSamplers: readonly string[];
}

export async function checkSamplers(options: SamplerCheckOptions): Promise<Finding[]> {
  using host = new LocalHost(MACHINE_ROOTS);
  const ticks = createTicks({ ...options, clock: systemClock, host });
  const { results } = await ticks.takeTick();
  const findings: Finding[] = [];
  for (const result of results.filter((each) => !isAboutSampling(each))) {
    // Alone once more, to see what it looks for: side by side their readings could not be told apart.
    const manifest = new Manifest();
    const recorded = recordingHost(host, manifest);
    const alone = createTicks({ ...options, clock: systemClock, host: recorded, only: result.sampler });
    await alone.takeTick();
    findings.push(samplerFinding(result, manifest.lists()));
  }
  return findings;
}

/** @param lists what it read */
export function samplerFinding(result: SamplerResult, lists: ManifestLists): Finding {
  const { sampler: name } = result;
  const group = 'samplers';
  if (result.kind === 'failed') {
    const isDenied = result.code === SAMPLE_ERROR.NOT_PERMITTED;
    return { group, name, state: isDenied ? 'not readable' : 'failed', detail: describeError(result.error) };
  }
  const count = result.parts.reduce((sum, { schema }) => sum + schema.seriesCount, 0);
  const [problem] = result.problems;
  if (problem !== undefined) {
    const more =
      result.problems.length === 1 ? '' : `, and ${counted(result.problems.length - 1, 'more problem')}`;
    const detail = `${problem.what}: ${describeError(problem.error)}${more}`;
    return { group, name, state: 'warning', detail };
  }
  const errors = result.parts.flatMap((part) => part.errors);
  const denied = errors.filter(({ code }) => code === SAMPLE_ERROR.NOT_PERMITTED).length;
  const denials = paths(lists, 'denied');
  if (count === 0) {
    if (denials !== '')
      return { group, name, state: 'not readable', detail: `kept from this user: ${denials}` };
    const missing = paths(lists, 'absent');
    const detail =
      missing === '' ? 'this machine has nothing of this kind' : `this machine has no ${missing}`;
    return { group, name, state: 'absent', detail };
  }
  if (denied > 0) {
    const why = `${counted(denied, 'value')} of ${count} kept from this user${denials && `: ${denials}`}`;
    return { group, name, state: 'not readable', detail: why };
  }
  const broken = errors.length === 0 ? '' : `, ${counted(errors.length, 'value')} without an answer`;
  // What a sampler can do without is no failure of its values, and still worth knowing.
  const kept = denials === '' ? '' : `; kept from this user: ${denials}`;
  return { group, name, state: 'ok', detail: `${count} series${broken}${kept}` };
}

function paths({ files }: ManifestLists, outcome: string): string {
  const found = files.filter((entry) => entry.outcome === outcome).map(({ what }) => what);
  const more = found.length > REASONS_MAX ? `, and ${found.length - REASONS_MAX} more` : '';
  return `${found.slice(0, REASONS_MAX).join(', ')}${more}`;
}
