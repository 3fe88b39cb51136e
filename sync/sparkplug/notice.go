package sparkplug

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lamppost-city/lamppost/agent"
	"github.com/lamppost-city/lamppost/sync/vocabulary"
)

// Notify implements agent.City. Notices are values of a metric of the node, in
// order.
func (c *city) Notify(ctx context.Context, told []agent.Notice) error {
	if len(told) == 0 {
		return nil
	}
	if err := c.begin(ctx); err != nil {
		return err
	}
	err := c.notify(ctx, told)
	c.end()
	if err != nil {
		return err
	}
	return c.confirmed(ctx)
}

func (c *city) notify(ctx context.Context, told []agent.Notice) error {
	if err := c.deliverBirths(ctx); err != nil {
		return err
	}
	for _, n := range told {
		text, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("notice %d: %w", n.ID, err)
		}
		c.notice = string(text)
		c.startPayload()
		dst, start := begin(c.buf, payloadMetric)
		dst = appendUint(dst, metricAlias, noticeAlias)
		dst = appendUint(dst, metricTimestamp, now())
		if c.datatypes {
			dst = appendUint(dst, metricDatatype, vocabulary.SparkplugString)
		}
		c.buf = end(appendString(dst, metricString, c.notice), start)
		if err := c.send(ctx, c.node.topic("NDATA", "")); err != nil {
			return fmt.Errorf("notice %d: %w", n.ID, err)
		}
	}
	return nil
}
