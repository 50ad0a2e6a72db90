package wire

// Code is the stable name of an error in the JSON dialect and, as `code`, in problem+json.
type Code string

const (
	BadRequest   Code = "bad_request"
	UnknownType  Code = "unknown_type"
	Unauthorized Code = "unauthorized"
	Forbidden    Code = "forbidden"
	NotJoined    Code = "not_joined"
	TooManyRooms Code = "too_many_rooms"
	RateLimited  Code = "rate_limited" // carries RetryAfter
	Unavailable  Code = "unavailable"  // carries RetryAfter; retry with the same key
	Internal     Code = "internal"
)

// Error is an error that a client may see. Message says what is wrong and what to do, in one sentence without a full stop.
type Error struct {
	Code       Code
	Message    string
	RetryAfter int // seconds; only with RateLimited and Unavailable
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// CloseCode is a WebSocket close code (RFC 6455, section 7.4). 4000–4499 mean: come back after a
// pause; 4500–4999: do not come back unchanged.
type CloseCode uint16

const (
	CloseNormal       CloseCode = 1000
	CloseGoingAway    CloseCode = 1001
	CloseProtocol     CloseCode = 1002 // not WebSocket: an unmasked frame, reserved bits, a bad length
	CloseUnsupported  CloseCode = 1003 // a frame kind the dialect does not take
	CloseNoStatus     CloseCode = 1005 // never sent: the peer's close frame carried no code
	CloseBadText      CloseCode = 1007 // text that is not UTF-8
	CloseTooBig       CloseCode = 1009
	CloseInternal     CloseCode = 1011
	CloseRestarting   CloseCode = 1012 // this instance is going: come back, elsewhere
	CloseOverloaded   CloseCode = 1013
	CloseHole         CloseCode = 4000 // a hole in the pipe, or an `after` of another epoch
	CloseStalled      CloseCode = 4001 // the peer stopped reading
	CloseSilent       CloseCode = 4002 // no answer to pings
	CloseRateLimited  CloseCode = 4003
	CloseBadToken     CloseCode = 4500
	CloseTokenExpired CloseCode = 4501
	CloseForbidden    CloseCode = 4502
	CloseMalformed    CloseCode = 4503 // too many malformed commands in a row
)
