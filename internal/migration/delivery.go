package migration

// Delivers says whether this program writes what the migration declares to the
// cluster. Otherwise somebody else does, and it is only looked at.
func (s Spec) Delivers() bool { return s.Delivery != DeliveryExternal }

// Delivered is looked at where somebody else delivers.
type Delivered struct {
	// Differs is the first thing that is not as the migration declares it.
	Differs string `json:"differs,omitempty"`
	// By is who keeps the object, as far as it shows.
	By []string `json:"by,omitempty"`
}
