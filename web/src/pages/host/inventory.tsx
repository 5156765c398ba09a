import { useState } from 'preact/hooks';
import type {
  InventoryContent,
  InventorySection,
  InventoryValue,
} from '../../../../collector/src/api/types.ts';
import { usePoll } from '../../api/use-poll.ts';
import { formatCount } from '../../format.ts';
import { usePage } from '../../page.ts';
import { PollFailure } from '../../ui/failure.tsx';
import { Foreign } from '../../ui/text.tsx';
import { TimeAgo } from '../../ui/time.tsx';
import {
  cellText,
  compareSections,
  isCell,
  nestedText,
  readableField,
  readableKey,
  isScalar,
  sectionTitle,
} from './field.ts';

/** Inventory changes rarely: agents look four times a day. */
const REFRESH_MS = 60_000;
/** Rows and columns of a table before the reader asks for all, and the most of one value that is shown. */
const ROWS_SHOWN = 20;
const COLUMNS_MAX = 10;
const VALUE_LENGTH_MAX = 400;

/** What the machine is, section by section. Sections this page does not know are shown all the same. */
export function Inventory({ hostId }: { readonly hostId: string }) {
  const { api } = usePage();
  const poll = usePoll((abort) => api.inventory(hostId, abort), REFRESH_MS, [hostId]);
  const answer = poll.value.value;
  return (
    <section aria-labelledby="inventory">
      <h2 id="inventory">Inventory</h2>
      <PollFailure poll={poll} what="the inventory" />
      {answer === null ? null : <Sections sections={answer.sections} />}
    </section>
  );
}

function Sections({ sections }: { readonly sections: readonly InventorySection[] }) {
  if (sections.length === 0) return <p class="muted">The agent has not sent an inventory yet.</p>;
  // Short sections stand side by side, those with tables below them.
  const ordered = [...sections].sort(
    (a, b) => Number(isWide(a.content)) - Number(isWide(b.content)) || compareSections(a.name, b.name),
  );
  return (
    <div class="inventory">
      {ordered.map((section) => (
        <section
          key={section.name}
          class={isWide(section.content) ? 'inventory-section is-wide' : 'inventory-section'}
        >
          <header>
            <h3>
              <Foreign text={sectionTitle(section.name)} />
            </h3>
            <span class="muted">
              as of <TimeAgo timeMs={section.receivedMs} />
            </span>
          </header>
          <Content content={section.content} title={sectionTitle(section.name)} />
        </section>
      ))}
    </div>
  );
}

function isWide(content: InventoryContent): boolean {
  return Object.values(content).some((value) => Array.isArray(value) && !isCell(value));
}

/** The plain fields of an object as a list of two columns, then its lists and inner objects. */
function Content({ content, title }: { readonly content: InventoryContent; readonly title: string }) {
  const entries = Object.entries(content);
  const plain = entries.flatMap(([key, value]) => (isCell(value) ? [[key, value] as const] : []));
  const nested = entries.filter(([, value]) => !isCell(value));
  if (entries.length === 0) return <p class="muted">Nothing reported.</p>;
  return (
    <>
      {plain.length === 0 ? null : (
        <dl class="fields">
          {plain.map(([key, value]) => (
            <div key={key}>
              <dt>
                <Foreign text={isScalar(value) ? readableField(key, value).label : readableKey(key)} />
              </dt>
              <dd>
                <Foreign text={cellText(key, value)} maxLength={VALUE_LENGTH_MAX} />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {nested.map(([key, value]) => (
        <Nested
          key={key}
          label={readableKey(key)}
          value={value}
          isOnly={entries.length === 1}
          title={title}
        />
      ))}
    </>
  );
}

interface NestedProps {
  readonly label: string;
  readonly value: InventoryValue;
  /** The section holds nothing else, so its title says it all. */
  readonly isOnly: boolean;
  readonly title: string;
}

function Nested({ label, value, isOnly, title }: NestedProps) {
  if (isCell(value)) return <Foreign text={cellText(label, value)} maxLength={VALUE_LENGTH_MAX} />;
  return (
    <div class="inventory-nested">
      {isOnly ? null : (
        <h4>
          <Foreign text={label} />
        </h4>
      )}
      {Array.isArray(value) ? (
        <ListTable label={isOnly ? title : label} list={value} />
      ) : (
        <Content content={asContent(value)} title={title} />
      )}
    </div>
  );
}

/** A list of objects as a table whose columns are the fields that occur, in the order in which they do. */
function ListTable({ label, list }: { readonly label: string; readonly list: readonly InventoryValue[] }) {
  const [isWhole, setWhole] = useState(false);
  const rows = list.map((row) => (isCell(row) ? { value: row } : asContent(row)));
  const allKeys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const keys = allKeys.slice(0, COLUMNS_MAX);
  const shown = isWhole ? rows : rows.slice(0, ROWS_SHOWN);
  const name = readableKey(label);
  return (
    <>
      <div class="table-scroll" role="region" aria-label={name} tabIndex={0}>
        <table class="list">
          <thead>
            <tr>
              {keys.map((key) => (
                <th key={key} scope="col">
                  <Foreign text={columnLabel(key, rows)} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, index) => (
              <tr key={index}>
                {keys.map((key) => (
                  <td key={key}>
                    <Foreign text={nestedText(key, row[key])} maxLength={VALUE_LENGTH_MAX} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {allKeys.length > keys.length ? (
        <p class="muted">{formatCount(allKeys.length - keys.length)} more fields are in the API.</p>
      ) : null}
      {shown.length < rows.length ? (
        <button type="button" class="button" onClick={() => setWhole(true)}>
          Show all {formatCount(rows.length)}
        </button>
      ) : null}
    </>
  );
}

// The unit leaves the label only where a number shows it in the cells.
function columnLabel(key: string, rows: readonly InventoryContent[]): string {
  const sample = rows
    .map((row) => row[key])
    .find((value) => typeof value === 'number' || typeof value === 'boolean');
  return readableField(key, isScalar(sample) ? sample : null).label;
}

function asContent(value: InventoryValue): InventoryContent {
  return isContent(value) ? value : {};
}

function isContent(value: InventoryValue): value is InventoryContent {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
