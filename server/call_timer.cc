#include "server/call_timer.h"

#include <pthread.h>

namespace vidmuse {

CallTimer::CallTimer(CallRegistry* calls, const Clock* clock)
    : calls_(calls), clock_(clock), thread_([this] { Run(); }) {}

CallTimer::~CallTimer() {
  calls_->Close();
  thread_.join();
}

void CallTimer::Run() {
  pthread_setname_np(pthread_self(), "vm-calls");
  for (;;) {
    const CallRegistry::Counts counts = calls_->counts();
    if (counts.live == 0) trimmer_.OnIdle(counts.begun);
    if (!calls_->WaitForCall()) return;
    if (calls_->WaitUntilClosed(CallRegistry::kCheckPeriod)) return;
    calls_->CheckDue(clock_->Monotonic());
  }
}

}  // namespace vidmuse
