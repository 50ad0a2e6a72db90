package web

import "testing"

func TestOriginAllowed(t *testing.T) {
	rows := []struct {
		origin, host string
		allowed      []string
		want         bool
	}{
		{"", "hub.test", []string{}, true}, // a device
		{"https://evil.test", "hub.test", nil, true},
		{"null", "hub.test", nil, true},
		{"https://evil.test", "hub.test", []string{"*"}, true},
		{"https://evil.test", "hub.test", []string{}, false},
		{"null", "hub.test", []string{}, false},
		{"null", "hub.test", []string{"null"}, true},
		{"http://hub.test:8080", "hub.test:8080", []string{}, true},
		{"http://HUB.test", "hub.TEST", []string{}, true},
		{"http://hub.test", "hub.test:80", []string{}, true},
		{"https://hub.test", "hub.test:443", []string{}, true},
		{"https://hub.test", "hub.test", []string{}, true}, // behind a proxy that ends TLS
		{"http://hub.test:8080", "hub.test", []string{}, false},
		{"http://hub.test", "hub.test:443", []string{}, false},
		{"http://hub.test.evil.test", "hub.test", []string{}, false},
		{"http://evil.test/hub.test", "hub.test", []string{}, false},
		{"http://[::1]:8080", "[::1]:8080", []string{}, true},
		{"%zz://", "hub.test", []string{}, false},
		{"hub.test", "hub.test", []string{}, false},
		{"https://app.test", "hub.test", []string{"https://app.test"}, true},
		{"http://app.test", "hub.test", []string{"https://app.test"}, false},
		{"http://hub.test", "hub.test", []string{"https://app.test"}, true},
	}
	for _, row := range rows {
		if got := originAllowed(row.origin, row.host, row.allowed); got != row.want {
			t.Errorf("originAllowed(%q, %q, %q) = %v", row.origin, row.host, row.allowed, got)
		}
	}
}

func TestForeignOriginIsForbidden(t *testing.T) {
	_, addr := start(t, newHall(), func(o *Options) { o.Origins = []string{} })
	expectProblem(t, exchange(t, addr, get("/ws/a", good+"Origin: http://evil.test\r\n")), 403, "forbidden", false)
	if r := exchange(t, addr, get("/ws/a", good+"Origin: http://hub.test\r\n")); r.status != 101 {
		t.Errorf("our own page gets %d", r.status)
	}
}
