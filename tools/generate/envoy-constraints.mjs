// Reads the validation rules (protoc-gen-validate) that the proto files carry as options. They are
// taken from the parsed files because protobufjs' flattened options lose empty aggregates, such as
// `duration: {gt: {}}`.

/**
 * `{ [message]: { fields?: { [field]: rules }, oneofs?: { [oneof]: members } } }`; durations in
 * rules become seconds. `changes` are rules by `message.field` that take the place of the proto
 * files' own.
 */
export function readConstraints(messages, changes) {
  const constraints = {};
  for (const message of messages) {
    const name = message.fullName.slice(1);
    const fields = {};
    for (const field of message.fieldsArray) {
      const rules = changes[`${name}.${field.name}`] ?? readRules(field);
      if (Object.keys(rules).length > 0) fields[field.name] = rules;
    }
    const oneofs = {};
    for (const oneof of message.oneofsArray) {
      const required =
        oneof.options?.['(validate.required)'] === true && changes[`${name}.${oneof.name}`] === undefined;
      if (required) oneofs[oneof.name] = [...oneof.oneof];
    }
    const entry = {
      ...(Object.keys(fields).length > 0 ? { fields } : {}),
      ...(Object.keys(oneofs).length > 0 ? { oneofs } : {}),
    };
    if (Object.keys(entry).length > 0) constraints[name] = entry;
  }
  return constraints;
}

function readRules(field) {
  const rules = {};
  for (const option of field.parsedOptions ?? []) {
    const value = option['(validate.rules)'];
    if (value !== undefined) mergeInto(rules, value);
  }
  return normalizeRules(rules);
}

function mergeInto(target, source) {
  for (const [key, value] of Object.entries(source)) {
    if (isObject(value) && isObject(target[key])) mergeInto(target[key], value);
    else target[key] = isObject(value) ? { ...value } : value;
  }
}

// Spans become seconds, and a list of one, which may be written without brackets, becomes a list.
function normalizeRules(rules) {
  return Object.fromEntries(
    Object.entries(rules).map(([key, value]) => {
      if (key === 'in' || key === 'not_in') return [key, Array.isArray(value) ? value : [value]];
      if (!isObject(value)) return [key, value];
      if (key !== 'duration' && key !== 'timestamp') return [key, normalizeRules(value)];
      const limits = Object.entries(value).map(([limit, span]) => [limit, isObject(span) ? seconds(span) : span]);
      return [key, Object.fromEntries(limits)];
    }),
  );
}

function seconds(span) {
  return Number(span.seconds ?? 0) + Number(span.nanos ?? 0) / 1e9;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
