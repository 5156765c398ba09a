/** The body of an event record: what happened to the agent itself, and which programs kept its machine busy. */
import { readConfigAnswer, type ConfigAnswer } from './agent-config.ts';
import { LIMITS } from './limits.ts';
import { jsonBytes, JsonReader, parseJsonObject } from './json.ts';
import { processFields, readProcesses, type ProcessSnapshot } from './processes.ts';

export type AgentEvent =
  | {
      readonly kind: 'start';
      /** The agent before this one said goodbye. */
      readonly isClean: boolean;
      /** Wall clock of the newest record that survived, null when there is none. */
      readonly lastMs: number | null;
      /** The machine was booted in between. */
      readonly isOtherBoot: boolean;
      /** Part of the spool could not be read. */
      readonly isDamaged: boolean;
    }
  | { readonly kind: 'stop' }
  /** Settings of the collector came into force, or did not. */
  | { readonly kind: 'config'; readonly answer: ConfigAnswer }
  /** The machine is under strain; the record's time is the end of the span. */
  | ({ readonly kind: 'processes' } & ProcessSnapshot);

/** The JSON of an event. */
export function encodeEvent(event: AgentEvent): Buffer {
  switch (event.kind) {
    case 'start': {
      const { isClean, lastMs, isOtherBoot, isDamaged } = event;
      return jsonBytes({ event: 'start', clean: isClean, lastMs, rebooted: isOtherBoot, damaged: isDamaged });
    }
    case 'stop':
      return jsonBytes({ event: 'stop' });
    case 'config':
      return jsonBytes({ event: 'config', ...event.answer });
    case 'processes':
      return jsonBytes({ event: 'processes', ...processFields(event) });
  }
}

/**
 * Reads an event; undefined for one that this version does not know. Fields that it does not know are ignored.
 * @throws AppError PROTOCOL_ERROR, LIMIT_EXCEEDED
 */
export function decodeEvent(body: Buffer): AgentEvent | undefined {
  const reader = new JsonReader(parseJsonObject(body, LIMITS.eventBytes), 'event');
  switch (reader.text('event', 64)) {
    case 'start':
      return {
        kind: 'start',
        isClean: reader.boolean('clean'),
        lastMs: reader.isNull('lastMs') ? null : reader.integer('lastMs', 0),
        isOtherBoot: reader.boolean('rebooted'),
        isDamaged: reader.boolean('damaged'),
      };
    case 'stop':
      return { kind: 'stop' };
    case 'config':
      return { kind: 'config', answer: readConfigAnswer(reader) };
    case 'processes':
      return { kind: 'processes', ...readProcesses(reader) };
    default:
      return undefined;
  }
}
