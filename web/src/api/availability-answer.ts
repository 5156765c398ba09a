/** Readers for the answers that tell how available hosts were. */
import type {
  Availability,
  AvailabilityAnswer,
  AvailabilityFigures,
  AvailabilitySpan,
  FleetAvailabilityAnswer,
  HostAvailability,
} from '../../../collector/src/api/types.ts';
import { HOST_STATES, readError } from './answers.ts';
import { fieldsOf, finite, listOf, nullable, oneOf, text } from './read.ts';
import type { Read } from './read.ts';

/** `GET /v1/hosts/:id/availability` */
export const readAvailability: Read<AvailabilityAnswer> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    hostId: field('hostId', text),
    fromMs: field('fromMs', finite),
    toMs: field('toMs', finite),
    seen: field('seen', readStory),
    corrected: field('corrected', readStory),
  };
};

/** `GET /v1/availability` */
export const readFleetAvailability: Read<FleetAvailabilityAnswer> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    fromMs: field('fromMs', finite),
    toMs: field('toMs', finite),
    hosts: field('hosts', listOf(readHost)),
    omittedHosts: field('omittedHosts', finite),
    failedHosts: field('failedHosts', finite),
    total: field('total', readBoth),
  };
};

const readHost: Read<HostAvailability> = (value, path) => {
  const field = fieldsOf(value, path);
  const host = { hostId: field('hostId', text), name: field('name', text) };
  const kind = field('kind', oneOf(['known', 'failed']));
  return kind === 'known'
    ? { ...host, kind, ...readBoth(value, path) }
    : { ...host, kind, ...readError(value, path) };
};

const readBoth: Read<FleetAvailabilityAnswer['total']> = (value, path) => {
  const field = fieldsOf(value, path);
  return { seen: field('seen', readFigures), corrected: field('corrected', readFigures) };
};

const readStory: Read<Availability> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    ...readFigures(value, path),
    spans: field('spans', listOf(readSpan)),
    omittedSpans: field('omittedSpans', finite),
  };
};

const readFigures: Read<AvailabilityFigures> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    upMs: field('upMs', finite),
    downMs: field('downMs', finite),
    plannedMs: field('plannedMs', finite),
    unknownMs: field('unknownMs', finite),
    availableRatio: field('availableRatio', nullable(finite)),
  };
};

const readSpan: Read<AvailabilitySpan> = (value, path) => {
  const field = fieldsOf(value, path);
  return {
    fromMs: field('fromMs', finite),
    toMs: field('toMs', finite),
    state: field('state', oneOf(HOST_STATES)),
    reason: field('reason', text),
  };
};
