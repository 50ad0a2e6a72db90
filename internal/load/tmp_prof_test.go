package load
import ("testing";"os";"strconv";"time")
func TestProf(t *testing.T){ u:=os.Getenv("U"); if u=="" {t.Skip()}; p,_:=strconv.Atoi(os.Getenv("P")); r,err:=Idle(t.Context(),Target{URL:u,PID:p},IdleOptions{Rest: 8*time.Second}); t.Log(r.Joined, r.Published, r.Before, err)}
