/** The service of service.proto, as a compiler of Protocol Buffers describes it. */

const text = 'TYPE_STRING';
const whole = 'TYPE_INT32';

function message(name: string, fields: readonly (readonly [name: string, type: string])[]) {
  return {
    name,
    field: fields.map(([field, type], index) => {
      const isList = type.endsWith('[]');
      const base = isList ? type.slice(0, -2) : type;
      const isMessage = base.startsWith('.');
      return {
        name: field,
        jsonName: field,
        number: index + 1,
        label: isList ? 'LABEL_REPEATED' : 'LABEL_OPTIONAL',
        type: isMessage ? 'TYPE_MESSAGE' : base,
        ...(isMessage ? { typeName: base } : {}),
      };
    }),
  };
}

function method(name: string, inputType: string, outputType: string) {
  return { name, inputType: `.bench.${inputType}`, outputType: `.bench.${outputType}` };
}

export const fileOfService = {
  name: 'service.proto',
  package: 'bench',
  syntax: 'proto3',
  messageType: [
    message('Text', [['value', text]]),
    message('Bytes', [['value', 'TYPE_BYTES']]),
    message('Item', [
      ['id', whole],
      ['customer', text],
      ['email', text],
      ['state', text],
      ['cents', whole],
      ['weight', 'TYPE_DOUBLE'],
      ['isGift', 'TYPE_BOOL'],
      ['tags', `${text}[]`],
    ]),
    message('Page', [
      ['kind', text],
      ['page', whole],
      ['total', whole],
      ['items', '.bench.Item[]'],
    ]),
  ],
  service: [
    {
      name: 'Bench',
      method: [
        method('small', 'Text', 'Text'),
        method('bytes', 'Text', 'Bytes'),
        method('both', 'Bytes', 'Bytes'),
        method('object', 'Text', 'Page'),
      ],
    },
  ],
};
