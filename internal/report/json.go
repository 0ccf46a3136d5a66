package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes the report for programs: Schema names its form.
func JSON(w io.Writer, r Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}
