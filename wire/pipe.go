package wire

// AppendPipe appends the frame by which a pipe hands m on: the payload and nothing else, a text frame for JSON
// and text, a binary frame for binary.
func AppendPipe(dst []byte, m *Message) []byte {
	op := OpText
	if m.Kind == KindBinary {
		op = OpBinary
	}
	return AppendFrame(dst, op, m.Payload)
}

// PipeKind is the kind of a text frame that a pipe received: KindJSON if it is an object or an array that the JSON
// dialect would take as data (so no duplicate keys, no lone surrogates, and 127 levels, because a message around
// it is the first of 128), else KindText. What begins with neither "{" nor "[" costs one look.
func PipeKind(payload []byte) Kind {
	for i, c := range payload {
		if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
			continue
		}
		if (c == '{' || c == '[') && validValue(payload[i:], maxDepth-1) {
			return KindJSON
		}
		break
	}
	return KindText
}
