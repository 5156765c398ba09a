import { SPANS, type Span } from './stretches.ts';

export interface SpanChoiceProps {
  readonly span: Span;
  readonly onSpan: (span: Span) => void;
}

/** Buttons for the span of time. */
export function SpanChoice({ span, onSpan }: SpanChoiceProps) {
  return (
    <div class="segments" role="group" aria-label="Span of availability">
      {SPANS.map((choice) => (
        <button
          key={choice.id}
          type="button"
          class="segment"
          aria-pressed={choice.id === span.id}
          onClick={() => onSpan(choice)}
        >
          {choice.label}
        </button>
      ))}
    </div>
  );
}
