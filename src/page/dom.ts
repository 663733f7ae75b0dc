type Child = Node | string | number | false | undefined;
type Value = string | number | boolean | undefined | ((event: Event) => void);

/**
 * An element with its attributes, listeners (`onclick`) and children. Properties that HTML has no attribute for go by
 * their names (`value`, `checked`); false and undefined leave an attribute out.
 */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, Value>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  fill(element, ...children);
  return element;
}

/** Puts `children` where what was in `element` before. */
export function fill(element: Element, ...children: readonly Child[]): void {
  const kept = children.filter(
    (child): child is Node | string | number => child !== false && child !== undefined,
  );
  element.replaceChildren(...kept.map((child) => (typeof child === 'number' ? String(child) : child)));
}

/** A radio button or a switch, and its text. */
export function choice(
  name: string,
  value: string,
  checked: boolean,
  label: Child,
  detail: Child,
  onChoose: () => void,
): HTMLLabelElement {
  const input = h('input', { type: 'radio', name, value, checked, onchange: onChoose });
  return h(
    'label',
    { class: 'choice' },
    input,
    h('span', {}, h('strong', {}, label), h('small', {}, detail)),
  );
}
