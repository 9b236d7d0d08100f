// Plays one scene with the client of the package mqtt:
//   node scenes.js SCENE VERSION URL PREFIX
// VERSION is 4 (3.1.1) or 5. It prints nothing and ends with 0 if all went as
// it should; else it says what did not, and ends with 1.
'use strict'

const assert = require('node:assert')
const mqtt = require('mqtt')

const [scene, version, url, prefix] = process.argv.slice(2)
const five = version === '5'
const patience = setTimeout(() => fail(new Error('it took too long')), 60000)

function fail (err) {
  console.error(`${scene}, version ${version}: ${err.stack}`)
  process.exit(1)
}

// connect returns a client with a queue of what it gets.
async function connect (name, options = {}) {
  const client = mqtt.connect(url, {
    clientId: `${prefix}-${name}`, protocolVersion: Number(version), reconnectPeriod: 0, connectTimeout: 60000, ...options
  })
  const waiting = []
  const asked = []
  client.on('error', fail)
  client.on('message', (topic, payload, packet) => {
    const got = { line: `${topic} ${packet.qos} ${packet.retain} ${payload}`, packet }
    if (asked.length > 0) asked.shift()(got)
    else waiting.push(got)
  })
  client.take = () => waiting.length > 0 ? Promise.resolve(waiting.shift()) : new Promise(resolve => asked.push(resolve))
  client.want = async (...lines) => {
    for (const line of lines) assert.strictEqual((await client.take()).line, line)
  }
  await new Promise(resolve => client.once('connect', resolve))
  return client
}

const lasting = five ? { clean: false, properties: { sessionExpiryInterval: 600 } } : { clean: false }
const topic = name => `${prefix}/${name}`

const scenes = {
  async qos () {
    const q = await connect('q')
    for (const granted of [0, 1, 2]) {
      const s = await connect(`s${granted}`)
      await s.subscribeAsync(topic(granted), { qos: granted })
      for (const qos of [0, 1, 2]) {
        await q.publishAsync(topic(granted), `${qos}`, { qos })
        await s.want(`${topic(granted)} ${Math.min(qos, granted)} false ${qos}`)
      }
    }
  },

  async resume () {
    const q = await connect('q')
    let s = await connect('s', lasting)
    await s.subscribeAsync(topic('t'), { qos: 2 })
    await s.endAsync()
    // This client hands out QoS 2 with its PUBREL, so that a message of QoS 1
    // behind one would come first.
    const want = []
    for (let i = 0; i < 20; i++) {
      const qos = i < 10 ? 1 : 2
      await q.publishAsync(topic('t'), `${i}`, { qos })
      want.push(`${topic('t')} ${qos} false ${i}`)
    }
    s = await connect('s', lasting)
    await s.want(...want)
  },

  async will () {
    const s = await connect('s')
    await s.subscribeAsync(topic('will'), { qos: 2 })
    const x = await connect('x', { will: { topic: topic('will'), payload: Buffer.from('gone'), qos: 1, retain: true } })
    x.stream.destroy()
    await s.want(`${topic('will')} 1 false gone`)
    await s.subscribeAsync(topic('#'), { qos: 2 })
    await s.want(`${topic('will')} 1 true gone`)
    await s.publishAsync(topic('will'), '', { qos: 1, retain: true })
  },

  async retained () {
    const q = await connect('q')
    const s = await connect('s')
    for (const name of ['a', 'b']) await q.publishAsync(topic(name), 'kept', { qos: 1, retain: true })
    await q.publishAsync(topic('a'), '', { qos: 1, retain: true })
    await s.subscribeAsync(topic('#'), { qos: 2 })
    await s.want(`${topic('b')} 1 true kept`)
    await q.publishAsync(topic('b'), 'live', { qos: 2, retain: true })
    await s.want(`${topic('b')} 2 false live`)
    await q.publishAsync(topic('b'), '', { qos: 1, retain: true })
  },

  async aliases () {
    const q = await connect('q', { autoAssignTopicAlias: true })
    const s = await connect('s', { properties: { topicAliasMaximum: 2 } })
    await s.subscribeAsync(topic('+'), { qos: 1 })
    for (let i = 0; i < 30; i++) {
      await q.publishAsync(topic(i % 3), `${i}`, { qos: 1 })
      await s.want(`${topic(i % 3)} 1 false ${i}`)
    }
  },

  async shared () {
    const q = await connect('q')
    const members = [await connect('a'), await connect('b')]
    for (const m of members) await m.subscribeAsync(`$share/${prefix}/${topic('t')}`, { qos: 1 })
    const seen = []
    let done
    const enough = new Promise(resolve => { done = resolve })
    for (const m of members) {
      m.on('message', (topic, payload) => {
        seen.push(`${payload}`)
        if (new Set(seen).size === 20) done()
      })
    }
    for (let i = 0; i < 20; i++) await q.publishAsync(topic('t'), `${i}`, { qos: 1 })
    await enough
    assert.strictEqual(seen.length, 20)
  },

  async flow () {
    const q = await connect('q')
    const s = await connect('s', { properties: { receiveMaximum: 2 } })
    await s.subscribeAsync(topic('t'), { qos: 2 })
    const want = []
    const sent = []
    for (let i = 0; i < 50; i++) {
      sent.push(q.publishAsync(topic('t'), `${i}`, { qos: 2 }))
      want.push(`${topic('t')} 2 false ${i}`)
    }
    await Promise.all(sent)
    await s.want(...want)
  },

  async properties () {
    const q = await connect('q')
    const s = await connect('s')
    await s.subscribeAsync(topic('t'), { qos: 1, properties: { subscriptionIdentifier: 321 } })
    await q.publishAsync(topic('t'), 'm', { qos: 1, properties: { contentType: 'text', responseTopic: 'answers', correlationData: Buffer.from('1'), messageExpiryInterval: 100, userProperties: { a: ['1', '2'] } } })
    const { packet: { properties: p } } = await s.take()
    assert.strictEqual(p.contentType, 'text')
    assert.strictEqual(p.responseTopic, 'answers')
    assert.strictEqual(p.correlationData.toString(), '1')
    assert.deepStrictEqual({ ...p.userProperties }, { a: ['1', '2'] })
    assert.ok(p.messageExpiryInterval > 95 && p.messageExpiryInterval <= 100)
    assert.deepStrictEqual([p.subscriptionIdentifier].flat(), [321])
  }
}

scenes[scene]().then(() => {
  clearTimeout(patience)
  process.exit(0)
}, fail)
