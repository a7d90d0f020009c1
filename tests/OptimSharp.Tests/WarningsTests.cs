using System.Diagnostics;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests;

public class WarningsTests
{
    [Fact]
    public void Are_told_to_listeners_and_written_to_the_trace()
    {
        using var optimizer = new SGD([Parameter.Of("w", new float[1])]);
        var scheduler = new StepLR(optimizer, stepSize: 3);
        using var writer = new StringWriter();
        using var listener = new TextWriterTraceListener(writer);
        var heard = new List<string>();
        EventHandler<WarningEventArgs> hear = (sender, e) =>
        {
            if (sender == scheduler)
                heard.Add(e.Message);
        };
        Warnings.Raised += hear;
        Trace.Listeners.Add(listener);
        try
        {
            scheduler.Step();
        }
        finally
        {
            Trace.Listeners.Remove(listener);
            Warnings.Raised -= hear;
        }
        Assert.Contains(Assert.Single(heard), writer.ToString(), StringComparison.Ordinal);
    }
}
