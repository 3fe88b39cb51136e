package sensorthings

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filters that are understood. All others are refused: a double that guesses
// would hide a mistake.
var (
	propertyFilter = regexp.MustCompile(`^properties/([A-Za-z]+) eq '((?:[^']|'')*)'$`)
	timeFilter     = regexp.MustCompile(`^phenomenonTime ge (\S+) and phenomenonTime le (\S+)$`)
)

// filterOf returns what $filter asks for.
func filterOf(text string) (func(*entity) bool, error) {
	if text == "" {
		return func(*entity) bool { return true }, nil
	}
	if m := propertyFilter.FindStringSubmatch(text); m != nil {
		want := strings.ReplaceAll(m[2], "''", "'")
		return func(e *entity) bool {
			p, _ := e.Body["properties"].(object)
			return p[m[1]] == want
		}, nil
	}
	if m := timeFilter.FindStringSubmatch(text); m != nil {
		from, err1 := time.Parse(time.RFC3339Nano, m[1])
		to, err2 := time.Parse(time.RFC3339Nano, m[2])
		if err1 == nil && err2 == nil {
			return func(e *entity) bool {
				begin, end, err := interval(e.Body["phenomenonTime"])
				return err == nil && !begin.Before(from) && !end.After(to)
			}, nil
		}
	}
	return nil, fmt.Errorf("filter %q", text)
}

// interval reads a phenomenonTime: an instant or two.
func interval(v any) (begin, end time.Time, err error) {
	text, _ := v.(string)
	a, b, two := strings.Cut(text, "/")
	if begin, err = time.Parse(time.RFC3339Nano, a); err != nil || !two {
		return begin, begin, err
	}
	end, err = time.Parse(time.RFC3339Nano, b)
	if err == nil && end.Before(begin) {
		err = fmt.Errorf("an interval that ends before it begins")
	}
	return begin, end, err
}

// many answers with a page of a set.
func (s *server) many(w http.ResponseWriter, r *http.Request, in, id, inner string) {
	q := r.URL.Query()
	keep, err := filterOf(q.Get("$filter"))
	top, skip := s.PageSize, 0
	if err == nil && q.Has("$top") {
		top, err = strconv.Atoi(q.Get("$top"))
		top = min(top, s.PageSize)
	}
	if err == nil && q.Has("$skip") {
		skip, err = strconv.Atoi(q.Get("$skip"))
	}
	if err == nil && (top < 0 || skip < 0) {
		err = fmt.Errorf("$top %d, $skip %d", top, skip)
	}
	owner := ""
	if id != "" {
		if s.set(in).all[id] == nil {
			fail(w, http.StatusNotFound, "no such entity")
			return
		}
		owner, in = strings.TrimSuffix(in, "s"), inner
	}
	if _, known := kinds[in]; !known && in != "Observations" {
		fail(w, http.StatusNotFound, "no such set")
		return
	}
	found := []*entity{}
	for _, each := range s.set(in).order {
		e, ok := s.set(in).all[each]
		if ok && err == nil && keep(e) && (owner == "" || e.Links[owner] == id) {
			found = append(found, e)
		}
	}
	if err == nil {
		err = order(found, q.Get("$orderby"))
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	page := []object{}
	for _, e := range found[min(skip, len(found)):min(skip+top, len(found))] {
		o := s.shown(in, e)
		if err := s.expand(o, in, e, q.Get("$expand")); err != nil {
			fail(w, http.StatusBadRequest, err.Error())
			return
		}
		page = append(page, selected(o, q))
	}
	body := object{"value": page}
	if skip+top < len(found) {
		body["@iot.nextLink"] = "http://" + r.Host + r.URL.Path + "?$skip=" + strconv.Itoa(skip+top)
	}
	answer(w, http.StatusOK, body)
}

// order sorts by id, which is the order already, or by phenomenonTime.
func order(found []*entity, by string) error {
	switch by {
	case "", "id":
	case "phenomenonTime asc":
		slices.SortStableFunc(found, func(a, b *entity) int {
			x, _, _ := interval(a.Body["phenomenonTime"])
			y, _, _ := interval(b.Body["phenomenonTime"])
			return x.Compare(y)
		})
	default:
		return fmt.Errorf("$orderby %q", by)
	}
	return nil
}

// shown is an entity as an answer has it.
func (s *server) shown(in string, e *entity) object {
	o := object{"@iot.id": shownID(e.ID), "@iot.selfLink": root + "/" + in + "(" + e.ID + ")"}
	for name, v := range e.Body {
		if name == "parameters" && s.NoParameters {
			continue
		}
		o[name] = v
	}
	return o
}

var locationsExpanded = regexp.MustCompile(`^Locations(\(\$select=id\))?$`)

// expand adds the Locations of a Thing.
func (s *server) expand(o object, in string, e *entity, what string) error {
	switch {
	case what == "":
		return nil
	case in != "Things" || !locationsExpanded.MatchString(what):
		return fmt.Errorf("$expand %q", what)
	}
	places := []object{}
	for _, id := range s.locations(e.ID) {
		places = append(places, object{"@iot.id": shownID(id)})
	}
	o["Locations"] = places
	return nil
}

func (s *server) locations(thing string) (all []string) {
	for _, id := range s.set("Locations").order {
		if l, ok := s.set("Locations").all[id]; ok && l.Links["Thing"] == thing {
			all = append(all, id)
		}
	}
	return all
}

// selected leaves what $select names, and what was expanded.
func selected(o object, q url.Values) object {
	if q.Get("$select") == "" {
		return o
	}
	left := object{}
	for name := range strings.SplitSeq(q.Get("$select"), ",") {
		if name == "id" {
			name = "@iot.id"
		}
		if v, ok := o[name]; ok {
			left[name] = v
		}
	}
	if v, ok := o["Locations"]; ok && q.Get("$expand") != "" {
		left["Locations"] = v
	}
	return left
}

// one answers with an entity.
func (s *server) one(w http.ResponseWriter, r *http.Request, in, id string) {
	e, ok := s.set(in).all[id]
	if !ok {
		fail(w, http.StatusNotFound, "no such entity")
		return
	}
	answer(w, http.StatusOK, selected(s.shown(in, e), r.URL.Query()))
}
