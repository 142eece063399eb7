package web

// Keys is how many keys are kept.
func (l *Limits) Keys() int { return len(l.each) }
