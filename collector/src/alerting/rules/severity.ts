/** The action class of an alert from the words that rule files use for it. */
import type { Severity } from '../../api/types.ts';

const CLASSES: Readonly<Record<string, Severity>> = {
  page: 'page',
  critical: 'page',
  emergency: 'page',
  fatal: 'page',
  ticket: 'ticket',
  error: 'ticket',
  high: 'ticket',
  warning: 'ticket',
  warn: 'ticket',
  info: 'info',
  informational: 'info',
  low: 'info',
  none: 'info',
  capacity: 'capacity',
};

/** The class that the label `severity` stands for; what is not known, or not said, is for the next working day. */
export function severityOf(label: string): Severity {
  return CLASSES[label.toLowerCase()] ?? 'ticket';
}
